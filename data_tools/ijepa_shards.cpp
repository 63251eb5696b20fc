// ijepa-shards: a folder or tar of images to HDF5 shards.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "data_tools/packing/packer.hpp"
#include "data_tools/packing/shards_cli.hpp"
#include "ijepa/cli/program.hpp"

namespace {

ijepa::ProgramWords words() {
  return {.name = "ijepa-shards",
          .examples = {{"A folder or archive of class folders", "ijepa-shards images --out shards"},
                       {"Photographs without classes, a tenth put aside, none larger than needed",
                        "ijepa-shards photos --out shards --test-share 0.1 --short-side 256"},
                       {"Grey pictures of 16 bits, which need not be cut to 8",
                        "ijepa-shards scans --out shards --channels 1"},
                       {"Mean and deviation of each channel, for the configuration",
                        "ijepa-shards shards/train --statistics --channels 1"},
                       {"On four processes", "mpirun -n 4 ijepa-shards images.tar --out shards"}},
          .pages = {"docs/formats.md"}};
}

}  // namespace

int main(int argc, char** argv) {
  ijepa::tools::PackOptions options = ijepa::tools::default_pack_options();
  CLI::App app(
      "Packs images into HDF5 shards, in a random order. Start it again to go on after an "
      "interruption; start it under mpirun or srun to share the work.");
  ijepa::tools::add_pack_options(app, options);
  ijepa::tools::StatisticsOptions statistics;
  ijepa::tools::add_statistics_options(app, options, statistics);
  return ijepa::run_program(app, words(), argc, argv, [&] {
    const ijepa::tools::Ranks ranks = ijepa::tools::ranks_from_environment();
    const ijepa::Log log(ranks.rank);
    if (statistics.wanted) {
      if (ranks.size > 1)
        log.info(
            "note: rank 0 of {} measures alone, on {} threads: start --statistics without a "
            "launcher, or give --threads as many as there are cores.",
            ranks.size, statistics.threads);
      if (ranks.rank == 0) fmt::print("{}", ijepa::tools::statistics_text(statistics));
      return 0;
    }
    const auto summary = ijepa::tools::pack(options, ranks, log);
    if (ranks.rank == 0) fmt::print("{}", ijepa::tools::summary_text(summary));
    if (summary.sets.empty()) return 0;
    std::fflush(stdout);
    const auto set = ijepa::tools::set_to_train_on(summary);
    const int channels = options.image.channels;
    if (channels != 3)
      ijepa::say_next(log,
                      {{"Mean and deviation of each channel",
                        fmt::format("ijepa-shards {} --statistics --channels {}", set, channels)}});
    ijepa::say_next(
        log, {{"A picture of them", fmt::format("ijepa-inspect {} --contact-sheet sheet.png", set)},
              {"A configuration to train with",
               fmt::format("ijepa-pretrain --suggest {} > mine.toml", set)}});
    return 0;
  });
}
