// Log curves: columns of training logs, ours and the published ones (epoch, itr, loss, mask-A,
// mask-B, time (ms)), as curves over epochs.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/drawing/plot.hpp"

namespace ijepa::tools {

/// A log and its name in the legend.
struct LogFile {
  std::string name, path;
};

/// "NAME=FILE" or "FILE", whose name is then its folder's for metrics.csv and events.jsonl, else
/// its own. A run's folder stands for both of its files.
LogFile parse_log_file(const std::string& argument);

/// parse_log_file() of each; those of one name are called by their paths.
std::vector<LogFile> parse_log_files(const std::vector<std::string>& arguments);

/// `column` of a log over epochs: at most `points` means over equally many rows. A row that comes
/// again, as after a resume, counts as it was last; a repeated header is passed over. An Error
/// names the file, and the line or the column that is not there.
Curve log_curve(const LogFile& log, const std::string& column, std::int64_t points);

}  // namespace ijepa::tools
