// ijepa-predict: what the predictor expects inside hidden blocks, shown by the nearest blocks of
// other images, or drawn by a decoder that is trained for it.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <string>
#include <vector>

#include "ijepa/comm/session.hpp"
#include "ijepa/tasks/prediction/decoder_weights.hpp"
#include "ijepa/tasks/prediction/predict.hpp"
#include "ijepa/tasks/prediction/sketch.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "options.hpp"

namespace ijepa {
namespace {

void add_image_options(CLI::App& app, std::vector<std::string>& images, std::int64_t& queries) {
  app.add_option("--image", images, "these images of it, by key or number");
  add_number(app, "--queries", queries, count_from(1),
             "without --image: so many, spread over the input");
}

/// --input is needed where no command is given, which only a callback can tell.
void add_nearest_options(CLI::App& app, PredictSettings& s) {
  add_checkpoint_options(app, s.run, s.checkpoint);
  app.add_option("--input", s.input, "shards or a folder: images asked about; needed")
      ->type_name("PATH");
  add_image_options(app, s.images, s.queries);
  app.add_option("--box", s.box, "TOP,LEFT,ROWS,COLS in patches; default: the recipe's masks");
  app.add_option("--bank", s.bank, "images looked through; default: the input")->type_name("PATH");
  add_number(app, "--bank-images", s.bank_images, count_from(1),
             "at most so many, spread over the bank");
  add_number(app, "--k", s.k, count_from(1), "nearest blocks, each of another image");
  add_number(app, "--show", s.shown, count_from(0), "images in predict.png");
  add_number(app, "--seed", s.seed, between(0, 9e15), "of the masks");
  app.add_option("--out", s.out, "folder for the table, the figures and the picture")
      ->type_name("FOLDER");
  add_skip_bad_option(app, s.skip_bad);
  add_thread_option(app, s.threads);
}

void add_decoder_options(CLI::App& app, TrainDecoderSettings& s) {
  add_checkpoint_options(app, s.run, s.checkpoint);
  app.add_option("--input", s.input, "shards or a folder: images to learn from")
      ->required()
      ->type_name("PATH");
  app.add_option("--out", s.out, "folder for checkpoints, table and plot; going on in it")
      ->type_name("FOLDER");
  app.add_option("--block", s.block, "ROWS,COLS in patches; default: the middle of the masks'");
  add_number(app, "--width", s.width, between(4, 8192), "features of a token");
  add_number(app, "--depth", s.depth, between(1, 256), "transformer blocks");
  add_number(app, "--heads", s.heads, between(1, 1024), "of attention");
  add_number(app, "--steps", s.steps, between(1, most_decoder_steps), "of the whole training");
  add_number(app, "--batch", s.batch, between(1, 1 << 20), "crops of a step, over all ranks");
  add_number(app, "--lr", s.learning_rate, up_to(100), "highest rate of AdamW");
  add_number(app, "--average", s.average, below(1), "momentum of the averaged weights that draw");
  add_number(app, "--images", s.images, count_from(0), "spread over the input; 0: all");
  add_number(app, "--cache-mib", s.cache_mib, between(1, 1 << 24),
             "memory of a rank for the predictions of all blocks");
  add_number(app, "--seed", s.seed, between(0, 9e15), "of start weights, order, masks and noise");
  add_number(app, "--checkpoint-minutes", s.checkpoint_minutes, between(0, 1e9),
             "between checkpoints; 0: at the end alone");
  add_number(app, "--max-seconds", s.max_seconds, between(0, 1e9),
             "save and end with code 85 after this time; 0: no limit");
  add_skip_bad_option(app, s.skip_bad);
  add_thread_option(app, s.threads);
}

void add_sketch_options(CLI::App& app, SketchSettings& s) {
  app.add_option("--decoder", s.decoder, "folder that train-decoder wrote, or one checkpoint in it")
      ->required()
      ->type_name("FOLDER");
  add_checkpoint_options(app, s.run, s.checkpoint,
                         "where the decoder's network is, if not where it was");
  app.add_option("--input", s.input, "shards or a folder: images asked about")
      ->required()
      ->type_name("PATH");
  add_image_options(app, s.images, s.queries);
  add_number(app, "--samples", s.samples, between(1, 1 << 16),
             "of each block, from different noise");
  add_number(app, "--steps", s.steps, between(1, 1 << 20),
             "of Heun's method, from noise to pixels");
  add_number(app, "--guidance", s.guidance, between(0, 100),
             "1: none; larger: closer to what is told, less varied");
  add_number(app, "--show", s.shown, count_from(0), "images in sketch.png");
  add_number(app, "--seed", s.seed, between(0, 9e15), "of masks and noise");
  app.add_option("--out", s.out, "folder for the table, the figures and the picture")
      ->type_name("FOLDER");
  add_skip_bad_option(app, s.skip_bad);
  add_thread_option(app, s.threads);
}

}  // namespace
}  // namespace ijepa

namespace {

int predict(const ijepa::PredictSettings& settings, ijepa::Communicator& comm) {
  const auto result = ijepa::predict_blocks(settings, comm, ijepa::Log(comm.rank()));
  if (comm.rank() == 0)
    fmt::print("{}{}/predict.csv, predict.json{}\n", ijepa::as_text(result), settings.out,
               settings.shown > 0 ? ", predict.png" : "");
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
  if (comm.rank() == 0)
    fmt::print("{}{}/sketch.csv, sketch.json{}\n", ijepa::as_text(result), settings.out,
               settings.shown > 0 ? ", sketch.png" : "");
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
