// ijepa-weights: weights of other programs in, checkpoints out for other programs.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "data_tools/weights_cli.hpp"

int main(int argc, char** argv) {
  ijepa::tools::WeightsOptions options;
  CLI::App app("Reads and writes weights in the formats of other programs.");
  ijepa::tools::add_weights_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    ijepa::tools::run_weights(app, options);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "ijepa-weights: {}\n", error.what());
    return 1;
  }
}
