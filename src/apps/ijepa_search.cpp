// ijepa-search: the nearest images of images, by the features that ijepa-infer wrote.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/tasks/features/feature_file.hpp"
#include "ijepa/tasks/features/similarity_index.hpp"
#include "ijepa/tasks/search/search.hpp"
#include "options.hpp"

namespace {

/// Two files are compared as the features they are measured by were made.
ijepa::TaskPrecision precision_of(const std::string& features) {
  if (features.empty()) return ijepa::TaskPrecision::float32;
  return ijepa::precision_of_identity(ijepa::read_feature_manifest(features).identity.encoder);
}

int search(const ijepa::SearchSettings& settings, const std::vector<std::string>& pair,
           ijepa::EncoderChoice choice, ijepa::Communicator& comm) {
  const ijepa::Log log(comm.rank());
  if (!pair.empty()) {
    const auto checkpoint = ijepa::find_checkpoint(settings.run, settings.checkpoint, comm, log);
    auto precision = ijepa::TaskPrecision::float32;
    ijepa::on_all_ranks(comm, [&] { precision = precision_of(settings.features); });
    ijepa::FrozenEncoder encoder(checkpoint, choice, settings.threads, comm, log, precision);
    const double similarity = ijepa::image_similarity({pair.at(0), pair.at(1)}, encoder);
    ijepa::on_rank_0(comm, [&] {
      fmt::print("similarity {:.6f}\n", similarity);
      if (settings.features.empty()) return;
      const auto scale = ijepa::similarity_scale(settings.features, encoder.identity());
      fmt::print("of {} pairs of {}, {:.1f} % are less alike; half are above {:.6f}\n",
                 scale.pairs(), settings.features, 100 * scale.below(similarity), scale.median());
    });
    return 0;
  }
  const auto result = ijepa::search_images(settings, comm, log);
  if (comm.rank() != 0) return 0;
  fmt::print("{}", ijepa::as_text(result));
  if (!settings.out.empty())
    fmt::print("{}: nearest.csv{}{}\n", settings.out,
               result.precision.empty() ? "" : ", precision.csv", settings.all ? "" : ", hits.png");
  std::fflush(stdout);
  ijepa::say_next(log, {{settings.all ? "A picture of some" : "How often neighbours share a class",
                         fmt::format("ijepa-search --features {} {} --out OTHER", settings.features,
                                     settings.all ? "--query 0 1 2" : "--all")}});
  return 0;
}

/// With --pair nothing is searched for.
void check_pair_alone(const CLI::App& app) {
  for (const char* other : {"--beside", "--query", "--image", "--all", "--k", "--centred",
                            "--index", "--images", "--out"})
    if (app.count(other) > 0) throw CLI::ExcludesError(other, "--pair");
}

ijepa::ProgramWords words() {
  return {
      .name = "ijepa-search",
      .examples = {{"The ten nearest images of the first one, as a table and a sheet",
                    "ijepa-search --features features/test --query 0 --k 10 --out nearest"},
                   {"Nearest images of a new photograph",
                    "ijepa-search --features features/test --image photo.jpg --run runs/first "
                    "--out nearest"},
                   {"How often neighbours share a class, over all images",
                    "ijepa-search --features features/test --all --out nearest"},
                   {"How alike two files are, among pairs of other images",
                    "ijepa-search --pair a.jpg b.jpg --run runs/first --features features/test"}},
      .pages = {"docs/search.md"},
      .statuses = ijepa::rank_statuses(false)};
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::SearchSettings settings;
  std::vector<std::string> pair;
  auto choice = ijepa::EncoderChoice::target;
  CLI::App app{"Finds the nearest images by cosine similarity of their features."};
  app.option_defaults()->always_capture_default();
  app.add_option("--features", settings.features, "folder that ijepa-infer wrote")
      ->type_name("FOLDER");
  app.add_option("--beside", settings.beside,
                 "other features of the same images: hits.png has their hits to the right")
      ->type_name("FOLDER");
  app.add_option("--query", settings.queries, "images of the features, by key or number");
  app.add_option("--image", settings.files, "image files")->type_name("FILE");
  app.add_flag("--all", settings.all, "every image of the features is a query");
  app.add_option(
         "--pair", pair,
         "two image files: prints their similarity, and with --features what it is among pairs of "
         "those images")
      ->expected(2)
      ->type_name("FILE");
  ijepa::add_number(app, "--k", settings.k, ijepa::count_from(1), "neighbours of each");
  app.add_flag("--centred", settings.centred,
               "compare features less the mean of all of them, so that what all images share does "
               "not count");
  app.add_option("--index", settings.index,
                 "of Faiss: Flat (exact), HNSW32, \"IVF1024,Flat\", ...");
  ijepa::add_checkpoint_options(app, settings.run, settings.checkpoint,
                                "run folder, for --image and --pair");
  ijepa::add_any_encoder_option(app, choice);
  app.add_option("--images", settings.images, "images of the features; default: where they were")
      ->type_name("PATH");
  app.add_option("--out", settings.out, "folder for nearest.csv, precision.csv and hits.png")
      ->type_name("FOLDER");
  ijepa::add_thread_option(app, settings.threads);
  app.callback([&] {
    if (!pair.empty()) check_pair_alone(app);
    if (settings.features.empty() && pair.empty())
      throw CLI::ValidationError(
          "--features",
          "name the folder that ijepa-infer wrote, or two image files by --pair A B --run RUN");
  });
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  return ijepa::run_on_ranks(
      argc, argv, [&](ijepa::Communicator& comm) { return search(settings, pair, choice, comm); });
}
