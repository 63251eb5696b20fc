// ijepa-predict: what the predictor expects inside hidden blocks, shown by the nearest blocks of
// other images, or drawn by a decoder that is trained for it.
#include <fmt/core.h>

#include <csignal>

#include "ijepa/comm/session.hpp"
#include "predict_options.hpp"

namespace {

int predict(const ijepa::PredictSettings& settings, ijepa::Communicator& comm) {
  const ijepa::Log log(comm.rank());
  const auto result = ijepa::predict_blocks(settings, comm, log);
  if (comm.rank() == 0) {
    fmt::print("{}{}/predict.csv, predict.json{}\n", ijepa::as_text(result), settings.out,
               settings.shown > 0 ? ", predict.png" : "");
    std::fflush(stdout);
    const auto from =
        settings.run.empty() ? "--checkpoint " + settings.checkpoint : "--run " + settings.run;
    ijepa::say_next(
        log, {{"A decoder that draws them",
               fmt::format("ijepa-predict train-decoder {} --input SHARDS --out DECODER", from)}});
  }
  return ijepa::end_of_run(result.bad_images, settings.out, comm);
}

int train(const ijepa::TrainDecoderSettings& settings, ijepa::Communicator& comm) {
  const auto cluster = ijepa::parse_cluster(ijepa::process_environment());
  const ijepa::StopSignal stop(comm.rank() == 0 ? ijepa::stop_words(cluster) : ijepa::StopWords{});
  const ijepa::Log log(comm.rank());
  const auto result = ijepa::train_decoder(settings, cluster, stop, comm, log);
  if (!result.finished) {
    log.info("Saved {}; the same command goes on from here (exit code {}{}).",
             ijepa::text_of(result.reason), ijepa::exit_code::saved,
             stop.received() == SIGCONT ? "; mpirun's own is 1" : "");
    return ijepa::exit_code::saved;
  }
  if (comm.rank() == 0) {
    fmt::print("{} steps, loss {:.4f}, {:.3f} of what each pixel alone gives\n", result.step,
               result.last.loss, result.last.loss / result.last.pixelwise);
    fmt::print("{}, {}/training.csv, training.png\n", result.checkpoint, settings.out);
    std::fflush(stdout);
    ijepa::say_next(log, {{"What it draws",
                           fmt::format("ijepa-predict sketch --decoder {} --input IMAGES --out "
                                       "SKETCH",
                                       settings.out)}});
  }
  return ijepa::end_of_run(result.bad_images, settings.out, comm);
}

int sketch(const ijepa::SketchSettings& settings, ijepa::Communicator& comm) {
  const auto result = ijepa::sketch_blocks(settings, comm, ijepa::Log(comm.rank()));
  if (comm.rank() == 0) {
    fmt::print("{}{}/sketch.csv, sketch.json{}\n", ijepa::as_text(result), settings.out,
               settings.shown > 0 ? ", sketch.png" : "");
    std::fflush(stdout);
    if (settings.shown > 0)
      ijepa::say_next(
          ijepa::Log(0),
          {{"On the page of its run",
            fmt::format("ijepa-plot report RUN --picture {}/sketch.png", settings.out)}});
  }
  return ijepa::end_of_run(result.bad_images, settings.out, comm);
}

ijepa::ProgramWords words() {
  auto statuses = ijepa::training_statuses();
  statuses.push_back(
      {ijepa::exit_code::saved, "train-decoder was stopped and saved: start it again to go on."});
  return {.name = "ijepa-predict",
          .examples = {{"Blocks of eight images and the blocks the predictor takes them for",
                        "ijepa-predict --run runs/first --input shards/test --out predicted"},
                       {"A box of your own: top, left, rows and columns in patches",
                        "ijepa-predict --run runs/first --input shards/test --image 0 --box "
                        "1,1,4,4 --out predicted"},
                       {"Train a decoder that draws what the predictor says",
                        "ijepa-predict train-decoder --run runs/first --input shards/train --out "
                        "decoder"},
                       {"Draw it: six samples a block, and the controls",
                        "ijepa-predict sketch --decoder decoder --input shards/test --out sketch"}},
          .pages = {"docs/predict.md"},
          .statuses = statuses};
}

/// Those of the program itself are read there, and a command would not hear of them.
void refuse_options_before_command(const CLI::App& app) {
  const auto commands = app.get_subcommands();
  if (commands.empty()) return;
  for (const auto* option : app.get_options())
    if (option->count() > 0)
      throw CLI::ValidationError(
          option->get_name(),
          fmt::format("stands before {0}, which does not read it there: write it behind {0}.",
                      commands[0]->get_name()));
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::PredictSettings nearest;
  ijepa::TrainDecoderSettings training;
  ijepa::SketchSettings drawing;
  CLI::App app{"Shows what the predictor expects inside blocks that it cannot see."};
  app.require_subcommand(0, 1);
  app.option_defaults()->always_capture_default();
  ijepa::add_nearest_options(app, nearest);
  auto* train_command = app.add_subcommand("train-decoder", "trains a model that draws blocks");
  ijepa::add_decoder_options(*train_command, training);
  auto* sketch_command = app.add_subcommand("sketch", "draws blocks, with controls");
  ijepa::add_sketch_options(*sketch_command, drawing);
  app.callback([&] {
    refuse_options_before_command(app);
    if (app.get_subcommands().empty() && nearest.input.empty()) throw CLI::RequiredError("--input");
  });
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  return ijepa::run_on_ranks(argc, argv, [&](ijepa::Communicator& comm) {
    if (train_command->parsed()) return train(training, comm);
    return sketch_command->parsed() ? sketch(drawing, comm) : predict(nearest, comm);
  });
}
