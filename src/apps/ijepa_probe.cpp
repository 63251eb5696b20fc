// ijepa-probe: k-NN and linear heads on the features of a checkpoint, beside the untrained network,
// raw pixels and a colour histogram.
#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <string_view>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
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
  return ijepa::end_of_run(report.bad_images, out, comm);
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
  ijepa::add_number(app, "--linear-epochs", linear.epochs, ijepa::between(1, 1e6),
                    "passes of the linear heads' training");
  ijepa::add_number(app, "--batch", linear.batch, ijepa::count_from(1),
                    "training images a step, over all ranks");
  ijepa::add_choice(app, "--optimizer", linear.optimizer,
                    {{"sgd", ijepa::HeadOptimizer::sgd}, {"lars", ijepa::HeadOptimizer::lars}},
                    "of the linear heads");
  ijepa::add_number(app, "--lr", linear.learning_rates, ijepa::up_to(1e6),
                    "learning rates at batch 256, all are tried");
  ijepa::add_number(app, "--wd", linear.weight_decays, ijepa::between(0, 1e6),
                    "weight decays, all are tried");
  ijepa::add_number(app, "--decay-epochs", linear.decay_epochs, ijepa::between(0, 1e6),
                    "a tenth of the rate every so many epochs; 0: a cosine");
  ijepa::add_number(app, "--validation-share", linear.validation_share,
                    ijepa::Range{.low = 0, .high = 1, .low_excluded = true, .high_excluded = true},
                    "of the training images, for the choice of the best head");
  ijepa::add_number(app, "--seed", linear.seed, ijepa::at_least(0),
                    "of the heads' order, validation part, views and subset");
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
          .statuses = ijepa::rank_statuses(true)};
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
  app.add_option("--train", settings.train,
                 "labelled images: shards, or a folder of class folders; default: the run's")
      ->type_name("IMAGES");
  app.add_option("--test", settings.test, "labelled images of the same classes")
      ->required()
      ->type_name("IMAGES");
  ijepa::add_encoder_option(app, settings.encoder);
  ijepa::add_precision_option(app, settings.precision);
  ijepa::add_number(app, "--layers", settings.layers, ijepa::between(1, 1000),
                    "heads see the last, and the last so many together");
  app.add_option("--subset", settings.subset, "training images: 1%, 5/class, or a file of keys");
  app.add_option("--protocol", protocol, "values that the options below start from")
      ->check(CLI::IsMember({"quick", "paper"}));
  ijepa::add_choice(app, "--views", settings.views,
                    {{"kept", ijepa::TrainViews::kept},
                     {"augmented", ijepa::TrainViews::augmented},
                     {"centred", ijepa::TrainViews::centred}},
                    "pictures that heads are trained on");
  ijepa::add_number(app, "--knn-k", settings.knn.k, ijepa::count_from(1),
                    "neighbours; several numbers cost no more");
  ijepa::add_number(app, "--knn-temperature", settings.knn.temperature, ijepa::up_to(1e6),
                    "votes count exp(cosine / this)");
  add_linear_options(app, settings.linear);
  ijepa::add_thread_option(app, settings.threads);
  ijepa::add_skip_bad_option(app, settings.skip_bad);
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
