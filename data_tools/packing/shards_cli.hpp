// The command line and the closing words of ijepa-shards.
#pragma once
#include <CLI/App.hpp>
#include <string>

#include "data_tools/packing/packer.hpp"
#include "data_tools/packing/statistics.hpp"

namespace ijepa::tools {

/// The defaults; as many threads as the process may use cores.
PackOptions default_pack_options();
void add_pack_options(CLI::App& app, PackOptions& options);
/// --statistics, after the options of packing, which it takes the input and a few more from.
void add_statistics_options(CLI::App& app, PackOptions& packing, StatisticsOptions& options);
std::string summary_text(const PackSummary& summary);
/// The set named like a training split, else the largest. There must be one.
std::string set_to_train_on(const PackSummary& summary);

}  // namespace ijepa::tools
