// Report: runs as one page of HTML that needs nothing else, not even a network: what they are,
// their curves, what those mean, and what happened to them.
#pragma once
#include <string>
#include <utility>
#include <vector>

#include "data_tools/plots/run_log.hpp"

namespace ijepa::tools {

struct ReportPicture {
  std::string title, words;
  std::string png;  // the file's bytes
};

/// A run and the pictures that belong to it.
struct ReportRun {
  RunLog log;
  std::vector<ReportPicture> pictures;
};

/// The page. `points`: means of a curve at most. `made`: when and by what, a line at its end.
std::string report_page(const std::vector<ReportRun>& runs, std::int64_t points,
                        const std::string& made);

/// Pictures that programs left in the run's folder (masks and features of its event files, its
/// evaluations) and those in `files`. Damage of event files is added to the run's problems. An
/// Error where one of `files` is no PNG that can be read.
std::vector<ReportPicture> pictures_of(RunLog& run, const std::vector<std::string>& files);

}  // namespace ijepa::tools
