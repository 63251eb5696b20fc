// ijepa-weights: weights of other programs in, checkpoints out for other programs.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>

#include "data_tools/packing/progress.hpp"
#include "ijepa/cli/numbers.hpp"
#include "ijepa/cli/program.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/pixel_type.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/weights/export.hpp"
#include "ijepa/train/weights/import.hpp"

namespace ijepa::tools {
namespace {

struct WeightsOptions {
  ImportOptions import;  // also of show
  ExportOptions export_to;
  std::string format = "authors";
  std::vector<double> mean, std;
  std::vector<std::int64_t> image_size;
  bool list = false;
};

const std::map<std::string, ExportFormat> formats{{"authors", ExportFormat::authors},
                                                  {"huggingface", ExportFormat::hugging_face},
                                                  {"timm", ExportFormat::timm},
                                                  {"hdf5", ExportFormat::hdf5},
                                                  {"onnx", ExportFormat::onnx}};

void add_source_options(CLI::App& app, WeightsOptions& o) {
  app.add_option(
         "file", o.import.file,
         "A torch archive (.pth.tar, .pt, .bin), a safetensors file, the index of several, or "
         "their folder")
      ->required()
      ->type_name("PATH");
  add_number(app, "--heads", o.import.heads, between(1, 1024),
             "Attention heads, where the file does not say");
  add_number(app, "--image-size", o.image_size, between(1, 16384),
             "Height and width in pixels, where the file's grid is no square")
      ->expected(2);
}

void add_import(CLI::App& app, WeightsOptions& o) {
  add_source_options(app, o);
  app.add_option("--out", o.import.run, "Run folder to make: OUT/checkpoints/step_N")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--holds", o.import.holds,
                 "Which encoder a file with one holds, where it does not say")
      ->check(CLI::IsMember({"target", "context"}));
  add_number(app, "--mean", o.mean, between(-10, 10),
             "Of each channel; default: as the file says, or of three ImageNet's")
      ->expected(1, static_cast<int>(most_channels));
  add_number(app, "--std", o.std, up_to(10), "Of each channel")
      ->expected(1, static_cast<int>(most_channels));
  app.add_flag("--allow-missing", o.import.allow_missing,
               "Start tensors that the file lacks as in an untrained network");
  app.add_flag("--allow-unused", o.import.allow_unused,
               "Leave out tensors that the model has no place for");
}

void add_export(CLI::App& app, WeightsOptions& o) {
  app.add_option("checkpoint", o.export_to.checkpoint,
                 "Folder of a checkpoint, or of a run: its newest")
      ->required()
      ->type_name("FOLDER");
  app.add_option("--out", o.export_to.out,
                 "File (authors, hdf5, onnx) or folder (huggingface, timm) to make")
      ->required()
      ->type_name("PATH");
  app.add_option("--format", o.format,
                 "authors: .pth.tar; huggingface, timm: safetensors and config.json; hdf5; "
                 "onnx: a model to run")
      ->check(CLI::IsMember(formats))
      ->capture_default_str();
  app.add_option("--encoder", o.export_to.encoder, "The one that huggingface, timm and onnx hold")
      ->check(CLI::IsMember({"target", "context"}))
      ->capture_default_str();
  add_number(app, "--steps-per-epoch", o.export_to.steps_per_epoch, count_from(1),
             "Of the run, where its shards are not here (authors)");
  app.add_flag("--include-normalization", o.export_to.include_normalization,
               "The model takes pixels as decoded, uint8 (B, H, W, 3) or uint16 (B, H, W, C), and "
               "normalises them (onnx)");
  app.add_flag("--external-data", o.export_to.external_data,
               "Weights in OUT.data beside OUT, as always above 2 GiB (onnx)");
}

std::optional<std::vector<double>> if_given(const std::vector<double>& values) {
  return values.empty() ? std::nullopt : std::optional(values);
}

void show(const WeightsOptions& o) {
  const auto file = open_weight_file(o.import.file);
  if (!o.list) return fmt::print("{}", describe_weights(*file, o.import));
  for (const auto& tensor : file->tensors()) fmt::print("{}\t{}\n", tensor.name, describe(tensor));
}

void run_import(const WeightsOptions& o) {
  const auto result = import_weights(o.import);
  fmt::print(
      "model        {}\npositions    {}\npixels       {}\nholds        {}\ntensors      {} matched "
      "({} converted to float32), {} "
      "missing, {} unused\ncheckpoint   {}\n",
      result.model, result.positions, result.pixels, fmt::join(result.groups, ", "),
      result.report.matched, result.report.converted, result.report.missing.size(),
      result.report.unused.size(), result.checkpoint);
  for (const auto& name : result.report.missing) fmt::print("missing      {}\n", name);
  for (const auto& name : result.report.unused) fmt::print("unused       {}\n", name);
  std::fflush(stdout);
  say_next(Log(),
           {{"What it is worth",
             fmt::format("ijepa-probe --run {} --train SHARDS --test SHARDS", o.import.run)},
            {"A new run from it",
             fmt::format("ijepa-pretrain CONFIG --init-from {} --set run.dir=NEW", o.import.run)}});
}

void run_export(ExportOptions o) {
  if (const auto of_run = list_checkpoints(o.checkpoint); !of_run.empty())
    o.checkpoint = of_run.front();
  const auto result = export_weights(o);
  fmt::print("checkpoint   {}\nholds        {}\ntensors      {}, {}\nwritten      {}\n",
             o.checkpoint, result.holds, result.tensors,
             bytes_text(static_cast<std::int64_t>(result.bytes)), o.out);
  if (!result.beside.empty()) fmt::print("weights      {}\n", result.beside);
}

void add_weights_options(CLI::App& app, WeightsOptions& o) {
  app.require_subcommand(1);
  add_import(*app.add_subcommand("import", "Weights of another program to a checkpoint"), o);
  add_export(*app.add_subcommand("export", "A checkpoint for other programs"), o);
  auto& shown = *app.add_subcommand("show", "What a file of another program holds");
  add_source_options(shown, o);
  shown.add_flag("--list", o.list, "One line a tensor");
}

/// Runs the chosen subcommand.
void run_weights(const CLI::App& app, WeightsOptions o) {
  o.import.mean = if_given(o.mean);
  o.import.std = if_given(o.std);
  if (!o.image_size.empty()) {
    o.import.image_height = o.image_size.at(0);
    o.import.image_width = o.image_size.at(1);
  }
  o.export_to.format = formats.at(o.format);
  if (app.got_subcommand("show")) show(o);
  if (app.got_subcommand("import")) run_import(o);
  if (app.got_subcommand("export")) run_export(o.export_to);
}

ProgramWords words() {
  return {.name = "ijepa-weights",
          .examples = {{"What a file of weights holds",
                        "ijepa-weights show IN1K-vit.h.14-300e.pth.tar"},
                       {"As a run that all programs take",
                        "ijepa-weights import IN1K-vit.h.14-300e.pth.tar --out runs/published"},
                       {"The encoder of a run for transformers' AutoModel",
                        "ijepa-weights export runs/first --format huggingface --out encoder"},
                       {"The same as a model for onnxruntime",
                        "ijepa-weights export runs/first --format onnx --out encoder.onnx"}},
          .pages = {"docs/weights.md"}};
}

}  // namespace
}  // namespace ijepa::tools

int main(int argc, char** argv) {
  ijepa::tools::WeightsOptions options;
  CLI::App app("Reads and writes weights in the formats of other programs.");
  ijepa::tools::add_weights_options(app, options);
  return ijepa::run_program(app, ijepa::tools::words(), argc, argv, [&] {
    ijepa::tools::run_weights(app, options);
    return 0;
  });
}
