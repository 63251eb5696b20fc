#include "data_tools/plots/run_table.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "data_tools/plots/report_parts.hpp"

namespace ijepa::tools {
namespace {

using Row = std::vector<std::string>;

Row row_of(const RunLog& run, const std::string& differs) {
  return {run.name,
          run.state,
          run.total_steps > 0 ? fmt::format("{}/{}", run.step, run.total_steps)
                              : fmt::format("{}", run.step),
          number_text(run.recent("loss")),
          number_text(run.newest("health", "rankme")),
          percent_text(run.newest("evaluation", "knn_top1")),
          number_text(run.recent("images_per_second")),
          differs};
}

/// "optim.lr=0.001 run.seed=1" of each run.
std::vector<std::string> differences(const std::vector<RunLog>& runs) {
  std::vector<std::string> texts(runs.size());
  for (const auto& [key, values] : differing_settings_of(runs))
    for (std::size_t i = 0; i < runs.size(); ++i)
      texts[i] += fmt::format("{}{}={}", texts[i].empty() ? "" : " ", key, values[i]);
  return texts;
}

}  // namespace

std::string run_table(const std::vector<RunLog>& runs) {
  const auto differing = differences(runs);
  std::vector<Row> rows{
      {"run", "state", "steps", "loss", "RankMe", "k-NN", "images/s", "differs in"}};
  for (std::size_t i = 0; i < runs.size(); ++i) rows.push_back(row_of(runs[i], differing[i]));
  std::vector<std::size_t> widths(rows[0].size());
  for (const auto& row : rows)
    for (std::size_t c = 0; c < row.size(); ++c) widths[c] = std::max(widths[c], row[c].size());
  std::string out;
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t c = 0; c + 1 < row.size(); ++c)
      line += c < 2 ? fmt::format("{:<{}}  ", row[c], widths[c])
                    : fmt::format("{:>{}}  ", row[c], widths[c]);
    line += row.back();
    out += line.substr(0, line.find_last_not_of(' ') + 1) + "\n";
  }
  for (const auto& run : runs)
    for (const auto& problem : run.problems) out += fmt::format("{}: {}\n", run.name, problem);
  return out;
}

}  // namespace ijepa::tools
