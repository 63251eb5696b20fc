// ijepa-shards: a folder or tar of images to HDF5 shards.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "data_tools/packer.hpp"
#include "data_tools/shards_cli.hpp"

int main(int argc, char** argv) {
  ijepa::tools::PackOptions options = ijepa::tools::default_pack_options();
  CLI::App app(
      "Packs images into HDF5 shards, in a random order. Start it again to go on after an "
      "interruption; start it under mpirun or srun to share the work.");
  ijepa::tools::add_pack_options(app, options);
  CLI11_PARSE(app, argc, argv);
  try {
    const ijepa::tools::Ranks ranks = ijepa::tools::ranks_from_environment();
    const auto summary = ijepa::tools::pack(options, ranks, ijepa::Log(ranks.rank));
    if (ranks.rank == 0) fmt::print("{}", ijepa::tools::summary_text(summary));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "ijepa-shards: {}\n", error.what());
    return 1;
  }
}
