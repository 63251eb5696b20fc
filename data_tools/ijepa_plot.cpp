// ijepa-plot: training logs, ours and the published ones, as curves in one picture; runs as a page
// to read and as a table.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "data_tools/plots/log_curves.hpp"
#include "data_tools/plots/plot_cli.hpp"
#include "ijepa/cli/numbers.hpp"
#include "ijepa/cli/program.hpp"
#include "ijepa/core/error.hpp"

namespace {

struct CurvesCommand {
  std::vector<std::string> logs;
  std::string column = "loss", out = "loss.png";
  std::int64_t points = 500;
  bool logarithmic = false;

  void add_to(CLI::App& app) {
    app.add_option("logs", logs, "RUN or FILE, or NAME=RUN or NAME=FILE")->type_name("PATH");
    app.add_option("--column", column,
                   "loss, mask-A, mask-B, \"time (ms)\", lr, ...; of a run: rankme, gap, ...");
    ijepa::add_number(app, "--points", points, ijepa::between(1, 1e6), "means of a curve at most");
    app.add_flag("--log", logarithmic, "logarithms: values that are not above 0 are left out");
    app.add_option("--out", out, "the picture (PNG)")->type_name("FILE");
  }

  void run() const {
    ijepa::check(!logs.empty(), "Name a run or a log: ijepa-plot RUN. --help shows all commands.");
    ijepa::Plot plot{column, "epoch", {}, logarithmic};
    for (const auto& log : ijepa::tools::parse_log_files(logs)) {
      plot.curves.push_back(ijepa::tools::log_curve(log, column, points));
      const auto& c = plot.curves.back();
      fmt::print("{}: epoch {:.2f} to {:.2f}, {} from {:.5g} to {:.5g}\n", c.name, c.x.front(),
                 c.x.back(), column, c.y.front(), c.y.back());
    }
    ijepa::write_plot(plot, out);
    fmt::print("{}\n", out);
  }
};

ijepa::ProgramWords words() {
  return {.name = "ijepa-plot",
          .examples = {{"The loss of two runs, with names",
                        "ijepa-plot slow=runs/first fast=runs/second"},
                       {"The rank of the features over epochs",
                        "ijepa-plot runs/first --column rankme --out rank.png"},
                       {"A page to read", "ijepa-plot report runs/first --out report.html"},
                       {"How all runs stand", "ijepa-plot runs runs"}},
          .pages = {"docs/watch.md"}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Draws a column of training logs over epochs: of our runs, by their folder (figures of "
      "health and evaluation, too), and of the published logs of the authors' runs. `report` makes "
      "a page of runs to read, `runs` a table of all runs in a folder.");
  app.option_defaults()->always_capture_default();
  CurvesCommand curves;
  ijepa::tools::ReportCommand report;
  ijepa::tools::RunsCommand runs;
  curves.add_to(app);
  auto* report_app =
      app.add_subcommand("report", "runs as one page of HTML that needs no network and no server");
  report.add_to(*report_app);
  auto* runs_app = app.add_subcommand("runs", "how the runs of a folder stand, a line each");
  runs.add_to(*runs_app);
  app.require_subcommand(0, 1);
  return ijepa::run_program(app, words(), argc, argv, [&] {
    if (report_app->parsed()) {
      report.run();
    } else if (runs_app->parsed()) {
      runs.run();
    } else {
      curves.run();
    }
    return 0;
  });
}
