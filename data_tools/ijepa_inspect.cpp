// ijepa-inspect: what is in a shard set or a checkpoint, and whether it is undamaged.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "data_tools/inspect_cli.hpp"

int main(int argc, char** argv) {
  ijepa::tools::InspectOptions options;
  CLI::App app("Prints what is in a shard set or a checkpoint. Ends with 1 if it is damaged.");
  ijepa::tools::add_inspect_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    return ijepa::tools::inspect(options);
  } catch (const std::exception& error) {
    fmt::print(stderr, "ijepa-inspect: {}\n", error.what());
    return 1;
  }
}
