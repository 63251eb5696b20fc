// ijepa-predict: what the predictor expects inside hidden blocks, shown by the nearest blocks of
// other images.
#include <fmt/core.h>

#include <CLI/CLI.hpp>

#include "ijepa/comm/session.hpp"
#include "ijepa/tasks/prediction/predict.hpp"
#include "options.hpp"

namespace {

int predict(const ijepa::PredictSettings& settings, ijepa::Communicator& comm) {
  const auto result = ijepa::predict_blocks(settings, comm, ijepa::Log(comm.rank()));
  if (comm.rank() == 0)
    fmt::print("{}{}/predict.csv, predict.json, predict.png\n", ijepa::as_text(result),
               settings.out);
  return ijepa::end_of_run(result.bad_images, settings.out, comm);
}

ijepa::ProgramWords words() {
  return {.name = "ijepa-predict",
          .examples = {{"Blocks of eight images and the blocks the predictor takes them for",
                        "ijepa-predict --run runs/first --input shards/test --out predicted"},
                       {"A box of your own: top, left, rows and columns in patches",
                        "ijepa-predict --run runs/first --input shards/test --image 0 --box "
                        "1,1,4,4 --out predicted"}},
          .pages = {"docs/predict.md"},
          .statuses = ijepa::rank_statuses(true),
          .settings = {}};
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::PredictSettings s;
  CLI::App app{"Shows what the predictor expects inside blocks that it cannot see."};
  app.option_defaults()->always_capture_default();
  ijepa::add_checkpoint_options(app, s.run, s.checkpoint);
  app.add_option("--input", s.input, "shards or a folder: images asked about")
      ->required()
      ->type_name("PATH");
  app.add_option("--image", s.images, "these images of it, by key or number");
  app.add_option("--queries", s.queries, "without --image: so many, spread over the input");
  app.add_option("--box", s.box, "TOP,LEFT,ROWS,COLS in patches; default: the recipe's masks");
  app.add_option("--bank", s.bank, "images looked through; default: the input")->type_name("PATH");
  app.add_option("--bank-images", s.bank_images, "at most so many, spread over the bank");
  app.add_option("--k", s.k, "nearest blocks, each of another image");
  app.add_option("--show", s.shown, "images in predict.png")->check(CLI::NonNegativeNumber);
  app.add_option("--seed", s.seed, "of the masks")->check(CLI::NonNegativeNumber);
  app.add_option("--out", s.out, "folder for the table, the figures and the picture")
      ->type_name("FOLDER");
  ijepa::add_skip_bad_option(app, s.skip_bad);
  app.add_option("--threads", s.threads, "a rank; 0: as the run was configured");
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  return ijepa::run_on_ranks(argc, argv,
                             [&](ijepa::Communicator& comm) { return predict(s, comm); });
}
