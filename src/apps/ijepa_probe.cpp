// ijepa-probe: k-NN and linear heads on the features of a checkpoint, beside the untrained network,
// raw pixels and a colour histogram.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string_view>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/core/folder.hpp"
#include "ijepa/tasks/frozen_encoder.hpp"
#include "ijepa/tasks/probing/probe.hpp"
#include "ijepa/train/weights/load.hpp"
#include "options.hpp"

namespace {

struct Arguments {
  ijepa::ProbeSettings settings;
  std::string out;
  bool no_cache = false;
};

int probe(Arguments arguments, ijepa::Communicator& comm) {
  auto& [settings, out, no_cache] = arguments;
  const ijepa::Log log(comm.rank());
  const std::filesystem::path checkpoint =
      ijepa::find_checkpoint(settings.run, settings.checkpoint, comm, log);
  // RUN/checkpoints/STEP -> RUN/probe/STEP and RUN/probe/features. A file of weights has no run.
  const auto run = checkpoint.parent_path().parent_path();
  const auto beside = (ijepa::is_weight_file(checkpoint) ? std::filesystem::path() : run) / "probe";
  if (out.empty()) out = beside / checkpoint.filename();
  if (settings.cache.empty()) settings.cache = beside / "features";
  if (no_cache) settings.cache.clear();
  ijepa::on_rank_0(comm, [&] { ijepa::prepare_output_folder(out); });
  const auto report = ijepa::run_probe(settings, checkpoint, out, comm, log);
  ijepa::on_rank_0(comm, [&] {
    fmt::print("{}", ijepa::as_table(report));
    ijepa::write_report(report, out);
    fmt::print("{}: probe.csv, probe.json, grid.csv, per_class.csv, confusion.csv, .png\n", out);
    std::fflush(stdout);
    const auto from =
        settings.run.empty() ? "--checkpoint " + settings.checkpoint : "--run " + settings.run;
    ijepa::say_next(
        log,
        {{"A classifier to use",
          fmt::format("ijepa-classify train {} --train-dir TRAIN --valid-dir VALID --out-dir OUT",
                      from)},
         {"Features of images",
          fmt::format("ijepa-infer {} --input IMAGES --out FEATURES", from)}});
  });
  return 0;
}

/// Whether the arguments name the paper's protocol, whose values the other options then start from.
bool wants_paper(int argc, char** argv) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = argv[i];
    if (word == "--protocol=paper") return true;
    if (word == "--protocol" && i + 1 < argc && argv[i + 1] == std::string_view("paper"))
      return true;
  }
  return false;
}

void add_linear_options(CLI::App& app, ijepa::LinearProbeOptions& linear) {
  app.add_option("--linear-epochs", linear.epochs, "passes of the linear heads' training");
  app.add_option("--batch", linear.batch, "training images a step, over all ranks");
  ijepa::add_choice(app, "--optimizer", linear.optimizer,
                    {{"sgd", ijepa::HeadOptimizer::sgd}, {"lars", ijepa::HeadOptimizer::lars}},
                    "of the linear heads");
  app.add_option("--lr", linear.learning_rates, "learning rates at batch 256, all are tried");
  app.add_option("--wd", linear.weight_decays, "weight decays, all are tried");
  app.add_option("--decay-epochs", linear.decay_epochs,
                 "a tenth of the rate every so many epochs; 0: a cosine");
  app.add_option("--validation-share", linear.validation_share,
                 "of the training images, for the choice of the best head");
  app.add_option("--seed", linear.seed, "of the heads' order, validation part, views and subset");
}

ijepa::ProgramWords words() {
  return {.name = "ijepa-probe",
          .examples = {{"Judge a run on other images of the same classes",
                        "ijepa-probe --run runs/first --test shards/test"},
                       {"With one percent of the labels",
                        "ijepa-probe --run runs/first --test shards/test --subset 1%"},
                       {"Published weights by the protocol of the paper",
                        "ijepa-probe --checkpoint IN1K-vit.h.14-300e.pth.tar --train shards/train "
                        "--test shards/val --protocol paper"}},
          .pages = {"docs/probe.md"},
          .statuses = ijepa::rank_statuses(false),
          .settings = {}};
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  auto& settings = arguments.settings;
  std::string protocol = "quick";
  if (wants_paper(argc, argv)) {
    settings.linear = ijepa::paper_protocol();
    settings.views = ijepa::TrainViews::augmented;
  }
  CLI::App app{"Judges the features of a checkpoint by k-NN and linear heads."};
  app.option_defaults()->always_capture_default();
  ijepa::add_checkpoint_options(app, settings.run, settings.checkpoint);
  app.add_option("--train", settings.train, "labelled shards; default: those of the run")
      ->type_name("FOLDER");
  app.add_option("--test", settings.test, "labelled shards of the same classes")
      ->required()
      ->type_name("FOLDER");
  ijepa::add_encoder_option(app, settings.encoder);
  app.add_option("--layers", settings.layers, "heads see the last, and the last so many together");
  app.add_option("--subset", settings.subset, "training images: 1%, 5/class, or a file of keys");
  app.add_option("--protocol", protocol, "values that the options below start from")
      ->check(CLI::IsMember({"quick", "paper"}));
  ijepa::add_choice(app, "--views", settings.views,
                    {{"kept", ijepa::TrainViews::kept},
                     {"augmented", ijepa::TrainViews::augmented},
                     {"centred", ijepa::TrainViews::centred}},
                    "pictures that heads are trained on");
  app.add_option("--knn-k", settings.knn.k, "neighbours; several numbers cost no more");
  app.add_option("--knn-temperature", settings.knn.temperature, "votes count exp(cosine / this)");
  add_linear_options(app, settings.linear);
  ijepa::add_thread_option(app, settings.threads);
  app.add_option("--cache", settings.cache, "folder for features; default: RUN/probe/features")
      ->type_name("FOLDER");
  app.add_flag("--no-cache", arguments.no_cache, "compute all features anew and keep none");
  app.add_option("--out", arguments.out, "folder for the results; default: RUN/probe/STEP")
      ->type_name("FOLDER");
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  return ijepa::run_on_ranks(argc, argv,
                             [&](ijepa::Communicator& comm) { return probe(arguments, comm); });
}
