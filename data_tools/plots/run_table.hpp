// Run table: how the runs of a folder stand, a line each.
#pragma once
#include <string>
#include <vector>

#include "data_tools/plots/run_log.hpp"

namespace ijepa::tools {

/// Name, state, steps, loss and images/s (means of the last 100 steps), newest RankMe and k-NN
/// accuracy, and the settings in which the runs differ; below it what could not be read.
std::string run_table(const std::vector<RunLog>& runs);

}  // namespace ijepa::tools
