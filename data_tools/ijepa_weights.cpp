// ijepa-weights: weights of other programs in, checkpoints out for other programs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "data_tools/weights_cli.hpp"
#include "ijepa/cli/program.hpp"
#include "ijepa/core/message.hpp"

namespace {

ijepa::ProgramWords words() {
  return {.name = "ijepa-weights",
          .examples = {{"What a file of weights holds",
                        "ijepa-weights show IN1K-vit.h.14-300e.pth.tar"},
                       {"As a run that all programs take",
                        "ijepa-weights import IN1K-vit.h.14-300e.pth.tar --out runs/published"},
                       {"The encoder of a run for transformers' AutoModel",
                        "ijepa-weights export runs/first --format huggingface --out encoder"},
                       {"The same as a model for onnxruntime",
                        "ijepa-weights export runs/first --format onnx --out encoder.onnx"}},
          .pages = {"docs/weights.md"},
          .statuses = {},
          .settings = {}};
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::tools::WeightsOptions options;
  CLI::App app("Reads and writes weights in the formats of other programs.");
  ijepa::tools::add_weights_options(app, options);
  ijepa::add_program_words(app, words());
  CLI11_PARSE(app, argc, argv);
  try {
    ijepa::tools::run_weights(app, options);
    return 0;
  } catch (...) {
    fmt::print(stderr, "ijepa-weights: {}\n", ijepa::message_of(std::current_exception()));
    return 1;
  }
}
