// ijepa-inspect: what is in a shard set or a checkpoint, and whether it is undamaged.
#include <CLI/CLI.hpp>

#include "data_tools/inspection/inspect_cli.hpp"
#include "ijepa/cli/program.hpp"

namespace {

ijepa::ProgramWords words() {
  return {
      .name = "ijepa-inspect",
      .examples = {{"Number, sizes, classes and origin of the images",
                    "ijepa-inspect shards/train"},
                   {"Read everything and compare checksums", "ijepa-inspect shards/train --verify"},
                   {"A picture of what is in it",
                    "ijepa-inspect shards/train --contact-sheet sheet.png"},
                   {"The checkpoints of a run", "ijepa-inspect runs/first"}},
      .pages = {"docs/formats.md"}};
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::tools::InspectOptions options;
  CLI::App app("Prints what is in a shard set or a checkpoint. Ends with 1 if it is damaged.");
  ijepa::tools::add_inspect_options(app, options);
  return ijepa::run_program(app, words(), argc, argv,
                            [&] { return ijepa::tools::inspect(options); });
}
