#include "data_tools/plots/log_curves.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "data_tools/plots/log_table.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa::tools {
namespace {

namespace fs = std::filesystem;

/// A column over epochs.
struct Rows {
  std::vector<double> epochs, values;
};

LogTable whole_table(const std::string& path, const std::string& column) {
  auto table = read_log_table(path, {column});
  check(table.problem.empty(), "{}", table.problem);
  check(table.rows() > 0, "The log {} has no rows.", path);
  return table;
}

Rows read_table(const std::string& path, const std::string& column) {
  const auto table = whole_table(path, column);
  return {table.epochs(), table.column(column)};
}

/// A figure of events: those that tell it, by the steps done before them.
Rows read_events(const std::string& path, const std::string& figure) {
  std::ifstream file(path);
  check(file.good() && fs::is_regular_file(path), "The log {} is no file that can be read.", path);
  // Events count steps; how many an epoch has is in the table beside them.
  const auto table = whole_table((fs::path(path).parent_path() / "metrics.csv").string(), "loss");
  std::map<double, double> values;
  std::set<std::string> figures;
  for (std::string line; std::getline(file, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);  // a kill cuts the last line
    if (!event.is_object() || !event.contains("step") || !event["step"].is_number()) continue;
    for (const auto& [name, value] : event.items())
      if (value.is_number() && name != "step") figures.insert(name);
    if (!event.contains(figure) || !event[figure].is_number()) continue;
    values[event["step"].get<double>() / table.per_epoch] = event[figure];
  }
  check(!values.empty(), "The events {} tell no \"{}\"; they tell {}.", path, figure,
        fmt::join(figures, ", "));
  Rows rows;
  for (const auto& [epoch, value] : values) {
    rows.epochs.push_back(epoch);
    rows.values.push_back(value);
  }
  return rows;
}

/// Of a run's folder: its table, or its events where the table lacks the column.
Rows read_rows(const std::string& path, const std::string& column) {
  if (path.ends_with(".jsonl")) return read_events(path, column);
  if (!fs::is_directory(path)) return read_table(path, column);
  const auto table = (fs::path(path) / "metrics.csv").string();
  const auto events = (fs::path(path) / "events.jsonl").string();
  check(fs::exists(table), "{} is no run's folder: it holds no metrics.csv.", path);
  const bool in_table = std::ranges::count(log_columns(table), column) > 0;
  return in_table || !fs::exists(events) ? read_table(table, column) : read_events(events, column);
}

}  // namespace

LogFile parse_log_file(const std::string& argument) {
  const auto equals = argument.find('=');
  if (equals != std::string::npos && equals > 0)
    return {argument.substr(0, equals), argument.substr(equals + 1)};
  const auto path = fs::absolute(argument).lexically_normal();
  const auto folder = path.parent_path().filename().string();
  const auto file = path.filename().string();
  const bool of_run = file == "metrics.csv" || file == "events.jsonl" || file.empty();
  return {of_run ? folder : fs::is_directory(path) ? file : path.stem().string(), argument};
}

std::vector<LogFile> parse_log_files(const std::vector<std::string>& arguments) {
  std::vector<LogFile> logs;
  std::map<std::string, int> count;
  for (const auto& argument : arguments) ++count[logs.emplace_back(parse_log_file(argument)).name];
  for (auto& log : logs)
    if (count[log.name] > 1) log.name = log.path;
  return logs;
}

Curve log_curve(const LogFile& log, const std::string& column, std::int64_t points) {
  const auto rows = read_rows(log.path, column);
  auto means = means_of(rows.epochs, rows.values, points);
  return {log.name, std::move(means.x), std::move(means.y)};
}

}  // namespace ijepa::tools
