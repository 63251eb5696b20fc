// The commands of ijepa-plot beside curves: a report and a table of runs.
#pragma once
#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

namespace ijepa::tools {

struct ReportCommand {
  std::vector<std::string> runs, pictures;
  std::string out = "report.html";
  std::int64_t points = 300;

  void add_to(CLI::App& app);
  /// Writes the page and says where; problems with logs go to standard error.
  void run() const;
};

struct RunsCommand {
  std::string folder;

  void add_to(CLI::App& app);
  void run() const;  // prints the table
};

}  // namespace ijepa::tools
