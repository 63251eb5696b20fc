// ijepa-infer: the features of many images into HDF5 files, on any number of ranks.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "ijepa/comm/session.hpp"
#include "ijepa/core/counted.hpp"
#include "ijepa/tasks/inference/infer.hpp"
#include "options.hpp"

namespace {

int infer(const ijepa::InferSettings& settings, ijepa::Communicator& comm) {
  const ijepa::Log log(comm.rank());
  const auto made = ijepa::infer_features(settings, comm, log);
  if (comm.rank() == 0)
    fmt::print("{} images, {} features each, in {} of {}\n", made.images, made.width,
               ijepa::counted(std::ssize(made.parts), "file"), settings.out);
  std::fflush(stdout);
  ijepa::say_next(log,
                  {{"Nearest images of the first",
                    fmt::format("ijepa-search --features {} --query 0 --out HITS", settings.out)},
                   {"In Python", "docs/tutorial.md"}});
  return ijepa::end_of_run(made.bad_images, settings.out, comm);
}

ijepa::ProgramWords words() {
  return {.name = "ijepa-infer",
          .examples = {{"Features of shards into HDF5 files",
                        "ijepa-infer --run runs/first --input shards/test --out features/test"},
                       {"Of a folder of photographs, also as a table",
                        "ijepa-infer --run runs/first --input photos --out features/photos --csv"},
                       {"Patches of three images in the colours of their features",
                        "ijepa-infer --run runs/first --input photos --out features/photos --pca "
                        "0 1 2"}},
          .pages = {"docs/infer.md"},
          .statuses = ijepa::rank_statuses(true)};
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::InferSettings settings;
  std::string keep = "pooled";
  CLI::App app{"Writes the features of images. Start it again to go on after an interruption."};
  app.option_defaults()->always_capture_default();
  ijepa::add_checkpoint_options(app, settings.run, settings.checkpoint);
  app.add_option("--input", settings.input, "shards, a folder of images, or one image")
      ->required()
      ->type_name("PATH");
  app.add_option("--out", settings.out, "folder for the features")->required()->type_name("FOLDER");
  ijepa::add_any_encoder_option(app, settings.encoder);
  ijepa::add_precision_option(app, settings.precision);
  app.add_option("--keep", keep, "mean over patches, every patch, or both")
      ->check(CLI::IsMember({"pooled", "tokens", "both"}));
  app.add_flag("--csv", settings.csv, "also features.csv (at most 100,000 images)");
  app.add_option("--pca", settings.pca, "images (key or number) whose patches pca.png shows");
  ijepa::add_number(app, "--part-images", settings.part_images, ijepa::count_from(0),
                    "images of a file; 0: about 256 MiB");
  ijepa::add_skip_bad_option(app, settings.skip_bad);
  ijepa::add_thread_option(app, settings.threads);
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  settings.pooled = keep != "tokens";
  settings.tokens = keep != "pooled";
  return ijepa::run_on_ranks(argc, argv,
                             [&](ijepa::Communicator& comm) { return infer(settings, comm); });
}
