// ijepa-plot: training logs, ours and the published ones, as curves in one picture.
#include <fmt/format.h>

#include <CLI/CLI.hpp>

#include "data_tools/log_curves.hpp"

int main(int argc, char** argv) {
  std::vector<std::string> logs;
  std::string column = "loss", out = "loss.png";
  std::int64_t points = 500;
  CLI::App app(
      "Draws a column of training logs over epochs: of our runs, by their folder (figures of "
      "health "
      "and evaluation, too), and of the published logs of the authors' runs.");
  app.option_defaults()->always_capture_default();
  app.add_option("logs", logs, "RUN or FILE, or NAME=RUN or NAME=FILE")->required();
  app.add_option("--column", column,
                 "loss, mask-A, mask-B, \"time (ms)\", lr, ...; of a run: rankme, gap, ...");
  app.add_option("--points", points, "means of a curve at most")->check(CLI::PositiveNumber);
  app.add_option("--out", out, "the picture (PNG)");
  CLI11_PARSE(app, argc, argv);
  try {
    ijepa::Plot plot{column, "epoch", {}};
    for (const auto& log : logs) {
      plot.curves.push_back(
          ijepa::tools::log_curve(ijepa::tools::parse_log_file(log), column, points));
      const auto& c = plot.curves.back();
      fmt::print("{}: epoch {:.2f} to {:.2f}, {} from {:.5g} to {:.5g}\n", c.name, c.x.front(),
                 c.x.back(), column, c.y.front(), c.y.back());
    }
    ijepa::write_plot(plot, out);
    fmt::print("{}\n", out);
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "ijepa-plot: {}\n", error.what());
    return 1;
  }
}
