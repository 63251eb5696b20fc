// ijepa-classify: a classifier on a pretrained encoder: training it, and asking it about images.
#include <fmt/core.h>

#include <algorithm>
#include <CLI/CLI.hpp>
#include <map>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/session.hpp"
#include "ijepa/tasks/classification/classify_infer.hpp"
#include "ijepa/tasks/classification/classify_train.hpp"
#include "options.hpp"

namespace {

/// Options that are short for --set KEY=VALUE.
const std::map<std::string, std::string> short_forms{
    {"--run", "run.run"},
    {"--checkpoint", "run.checkpoint"},
    {"--encoder", "run.encoder"},
    {"--train-dir", "data.train"},
    {"--valid-dir", "data.valid"},
    {"--transform", "data.transform"},
    {"-e,--epochs", "optim.epochs"},
    {"--lr,--learning-rate", "optim.learning_rate"},
    {"-b,--batch-size", "optim.batch"},
    {"--scheduler", "optim.milestones"},
    {"--out-dir", "run.out_dir"},
    {"--save-name", "run.save_name"},
    {"--threads", "compute.threads"}};

struct TrainArguments {
  std::string config;
  std::vector<std::string> settings;
  std::map<std::string, std::string> values;  // of short_forms, by key
  bool fine_tune = false, skip_bad = false;
};

void add_train(CLI::App& app, TrainArguments& a) {
  auto& train = *app.add_subcommand("train", "trains a linear layer, or the encoder too");
  train.add_option("--config", a.config, "settings (TOML); docs/classify.md")->type_name("FILE");
  ijepa::ClassifySettings standard;
  const auto fields = ijepa::fields_of(standard);
  for (const auto& [names, key] : short_forms) {
    const auto& list = fields.fields();
    const auto field =
        std::ranges::find_if(list, [&key = key](const auto& f) { return f.path == key; });
    auto* option = train.add_option(names, a.values[key], field->help + " Sets " + key + ".");
    option->default_str(ijepa::value_of(fields, key));
    if (key == "optim.milestones") option->expected(1, 1000)->join(',');
  }
  train.add_flag("--fine-tune", a.fine_tune, "train the encoder too (run.fine_tune)");
  ijepa::add_skip_bad_option(train, a.skip_bad);
  train.add_option("--set", a.settings, "set any key, e.g. optim.layer_decay=0.75");
}

ijepa::ClassifySettings settings_of(const TrainArguments& a) {
  ijepa::ClassifySettings settings;
  const auto fields = ijepa::fields_of(settings);
  if (!a.config.empty()) ijepa::read_toml_file(fields, a.config);
  for (const auto& [key, value] : a.values)
    if (!value.empty()) ijepa::apply_override(fields, key + "=" + value);
  if (a.fine_tune) settings.run.fine_tune = true;
  for (const auto& assignment : a.settings) ijepa::apply_override(fields, assignment);
  settings.data.skip_bad = a.skip_bad;
  return settings;
}

int train(const TrainArguments& arguments, ijepa::Communicator& comm) {
  ijepa::ClassifySettings settings;
  ijepa::on_all_ranks(comm, [&] { settings = settings_of(arguments); });
  const auto result = ijepa::train_classifier(settings, comm, ijepa::Log(comm.rank()));
  const auto* best = ijepa::best_row(result.history);
  if (comm.rank() == 0 && best != nullptr)
    fmt::print("best epoch {}: validation loss {:.4f}, top-1 {:.2f} %, top-5 {:.2f} %\n{}\n{}\n",
               best->epoch, best->valid_loss, 100 * best->valid_top1, 100 * best->valid_top5,
               result.best, result.last);
  std::fflush(stdout);
  ijepa::say_next(
      ijepa::Log(comm.rank()),
      {{"Classes of images",
        fmt::format("ijepa-classify infer --weights {} --input IMAGES --out-dir ANSWERS",
                    result.best)}});
  return ijepa::end_of_run(result.bad_images, settings.run.out_dir, comm);
}

void add_infer(CLI::App& app, ijepa::ClassifyInferSettings& s, bool& no_pictures) {
  auto& infer = *app.add_subcommand("infer", "the classes of images");
  infer.option_defaults()->always_capture_default();
  infer.add_option("-w,--weights", s.weights, "folder that training wrote, OUT/best_NAME")
      ->required()
      ->type_name("FOLDER");
  infer.add_option("--input", s.input, "folder of images, shards, or one image")
      ->required()
      ->type_name("PATH");
  infer.add_option("--out-dir", s.out, "folder for predictions.csv and pictures")
      ->type_name("FOLDER");
  ijepa::add_number(infer, "--top", s.top, ijepa::count_from(1), "classes in the table");
  infer.add_flag("--no-pictures", no_pictures, "the table alone");
  ijepa::add_skip_bad_option(infer, s.skip_bad);
  ijepa::add_precision_option(infer, s.precision);
  ijepa::add_thread_option(infer, s.threads, "a rank; 0: its cores");
}

int infer(const ijepa::ClassifyInferSettings& settings, ijepa::Communicator& comm) {
  const auto result = ijepa::classify_images(settings, comm, ijepa::Log(comm.rank()));
  const int code = ijepa::end_of_run(result.bad_images, settings.out, comm);
  if (comm.rank() != 0) return code;
  fmt::print("{} images: {}/predictions.csv\n", result.images, settings.out);
  if (result.accuracy)
    fmt::print("top-1 {:.2f} %, top-5 {:.2f} %\n", 100 * result.accuracy->top1,
               100 * result.accuracy->top5);
  else if (!result.unknown_class.empty())
    fmt::print("no accuracy: the images' class {} is none of the classifier's\n",
               result.unknown_class);
  return code;
}

ijepa::ProgramWords words() {
  ijepa::ClassifySettings standard;
  return {.name = "ijepa-classify",
          .examples = {{"A linear layer on the features of a run",
                        "ijepa-classify train --run runs/first --train-dir images/train "
                        "--valid-dir images/test --out-dir classified"},
                       {"Train the encoder, too",
                        "ijepa-classify train --run runs/first --train-dir images/train "
                        "--valid-dir images/test --fine-tune --set optim.layer_decay=0.75"},
                       {"Classes of new images",
                        "ijepa-classify infer --weights classified/best_model --input photos "
                        "--out-dir answers"}},
          .pages = {"docs/classify.md", "docs/classify_settings.md"},
          .statuses = ijepa::training_statuses(),
          .settings = ijepa::field_texts(ijepa::fields_of(standard))};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Trains a classifier on a pretrained encoder, and classifies images with it."};
  app.require_subcommand(1);
  TrainArguments arguments;
  ijepa::ClassifyInferSettings settings;
  bool no_pictures = false;
  add_train(app, arguments);
  add_infer(app, settings, no_pictures);
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  settings.pictures = !no_pictures;
  return ijepa::run_on_ranks(argc, argv, [&](ijepa::Communicator& comm) {
    return app.got_subcommand("train") ? train(arguments, comm) : infer(settings, comm);
  });
}
