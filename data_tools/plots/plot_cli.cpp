#include "data_tools/plots/plot_cli.hpp"

#include <fmt/chrono.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <ctime>
#include <filesystem>

#include "data_tools/plots/report.hpp"
#include "data_tools/plots/run_table.hpp"
#include "ijepa/cli/numbers.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa::tools {

namespace fs = std::filesystem;

void ReportCommand::add_to(CLI::App& app) {
  app.add_option("runs", runs, "RUN or NAME=RUN: folders of runs")->required()->type_name("PATH");
  app.add_option("--out", out, "the page (HTML)")->type_name("FILE");
  app.add_option("--picture", pictures,
                 "pictures to show beside the first run's (PNG): neighbours, sheets, ...")
      ->type_name("FILE");
  add_number(app, "--points", points, between(1, 1e6), "means of a curve at most");
}

void ReportCommand::run() const {
  std::vector<ReportRun> read;
  for (const auto& run : parse_log_files(runs)) {
    auto log = read_run(run);
    const bool first = read.empty();
    auto shown = pictures_of(log, first ? pictures : std::vector<std::string>{});
    read.push_back({std::move(log), std::move(shown)});
  }
  const auto made = fmt::format("Made on {:%Y-%m-%d %H:%M} UTC by ijepa-plot report {}",
                                fmt::gmtime(std::time({})), fmt::join(runs, " "));
  write_file_atomically(out, report_page(read, points, made));
  for (const auto& [log, unused] : read) {
    fmt::print("{}: {}\n", log.name, log.state_text);
    for (const auto& problem : log.problems)
      fmt::print(stderr, "ijepa-plot: {}: {}\n", log.name, problem);
  }
  fmt::print("{}\n", out);
}

void RunsCommand::add_to(CLI::App& app) {
  app.add_option("folder", folder, "folder with runs, at any depth")
      ->required()
      ->type_name("FOLDER");
}

void RunsCommand::run() const {
  std::vector<RunLog> found;
  for (const auto& path : find_runs(folder)) {
    const auto name = fs::relative(path, folder).string();
    found.push_back(read_run({name == "." ? parse_log_file(folder).name : name, path}));
  }
  fmt::print("{}", run_table(found));
}

}  // namespace ijepa::tools
