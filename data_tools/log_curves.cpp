#include "data_tools/log_curves.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <string_view>

#include "ijepa/core/error.hpp"

namespace ijepa::tools {
namespace {

namespace fs = std::filesystem;

using Fields = std::vector<std::string_view>;

Fields fields_of(std::string_view line) {
  Fields fields;
  while (line.ends_with('\r')) line.remove_suffix(1);
  for (std::size_t begin = 0; begin <= line.size();) {
    const auto end = std::min(line.find(',', begin), line.size());
    fields.push_back(line.substr(begin, end - begin));
    begin = end + 1;
  }
  return fields;
}

std::size_t column_of(const Fields& header, const std::string& name, const std::string& path) {
  const auto at = std::ranges::find(header, name);
  check(at != header.end(), "The log {} has no column \"{}\"; it has {}.", path, name,
        fmt::join(header, ", "));
  return static_cast<std::size_t>(at - header.begin());
}

double number_in(std::string_view field, const std::string& path, std::int64_t line) {
  double value = 0;
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (field == "nan" || field == "inf") return std::numeric_limits<double>::quiet_NaN();
  check(error == std::errc{} && stop == end, "Line {} of the log {} has \"{}\" for a number.", line,
        path, field);
  return value;
}

/// (epoch, iteration) -> value.
struct Rows {
  std::map<std::pair<double, double>, double> values;
  double first = 0, per_epoch = 0;  // iterations: the lowest, and how many an epoch has

  void find_iterations() {
    double last = first = values.begin()->first.second;
    for (const auto& [key, value] : values) {
      first = std::min(first, key.second);
      last = std::max(last, key.second);
    }
    per_epoch = last - first + 1;
  }
};

std::ifstream open_log(const std::string& path) {
  std::ifstream file(path);
  check(file.good() && fs::is_regular_file(path), "The log {} is no file that can be read.", path);
  return file;
}

Rows read_table(const std::string& path, const std::string& column) {
  auto file = open_log(path);
  std::string header_line, line;
  std::getline(file, header_line);
  const auto header = fields_of(header_line);
  const auto epoch = column_of(header, "epoch", path), iteration = column_of(header, "itr", path),
             value = column_of(header, column, path);
  Rows rows;
  for (std::int64_t number = 2; std::getline(file, line); ++number) {
    if (line.empty() || line == header_line) continue;
    const auto fields = fields_of(line);
    if (fields.size() != header.size() && file.peek() == EOF) break;  // a kill cuts the last line
    check(fields.size() == header.size(), "Line {} of the log {} has {} fields instead of {}.",
          number, path, fields.size(), header.size());
    rows.values[{number_in(fields[epoch], path, number),
                 number_in(fields[iteration], path, number)}] =
        number_in(fields[value], path, number);
  }
  check(!rows.values.empty(), "The log {} has no rows.", path);
  rows.find_iterations();
  return rows;
}

/// A figure of events: those that tell it, by the steps done before them.
Rows read_events(const std::string& path, const std::string& figure) {
  auto file = open_log(path);
  // Events count steps; how many an epoch has is in the table beside them.
  Rows rows = read_table((fs::path(path).parent_path() / "metrics.csv").string(), "loss");
  rows.values.clear();
  std::set<std::string> figures;
  for (std::string line; std::getline(file, line);) {
    const auto event = nlohmann::json::parse(line, nullptr, false);  // a kill cuts the last line
    if (!event.is_object() || !event.contains("step") || !event["step"].is_number()) continue;
    for (const auto& [name, value] : event.items())
      if (value.is_number() && name != "step") figures.insert(name);
    if (!event.contains(figure) || !event[figure].is_number()) continue;
    const double last = event["step"].get<double>() - 1, epoch = std::floor(last / rows.per_epoch);
    rows.values[{1 + epoch, rows.first + last - epoch * rows.per_epoch}] = event[figure];
  }
  check(!rows.values.empty(), "The events {} tell no \"{}\"; they tell {}.", path, figure,
        fmt::join(figures, ", "));
  return rows;
}

bool has_column(const std::string& table, const std::string& column) {
  std::string line;
  std::ifstream file(table);
  std::getline(file, line);
  return !file.good() || std::ranges::count(fields_of(line), column) > 0;
}

/// Of a run's folder: its table, or its events where the table lacks the column.
Rows read_rows(const std::string& path, const std::string& column) {
  if (path.ends_with(".jsonl")) return read_events(path, column);
  if (!fs::is_directory(path)) return read_table(path, column);
  const auto table = (fs::path(path) / "metrics.csv").string();
  const auto events = (fs::path(path) / "events.jsonl").string();
  check(fs::exists(table), "{} is no run's folder: it holds no metrics.csv.", path);
  return has_column(table, column) || !fs::exists(events) ? read_table(table, column)
                                                          : read_events(events, column);
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

Curve log_curve(const LogFile& log, const std::string& column, std::int64_t points) {
  const auto rows = read_rows(log.path, column);
  const auto count_of_rows = std::ssize(rows.values);
  const auto window = (count_of_rows + points - 1) / points;
  Curve curve{log.name, {}, {}};
  double x = 0, y = 0;
  std::int64_t count = 0, seen = 0;
  for (const auto& [key, value] : rows.values) {
    ++seen;
    if (std::isfinite(value)) {
      x += key.first - 1 + (key.second - rows.first + 1) / rows.per_epoch;
      y += value;
      ++count;
    }
    if (seen % window != 0 && seen != count_of_rows) continue;
    if (count > 0) {
      curve.x.push_back(x / static_cast<double>(count));
      curve.y.push_back(y / static_cast<double>(count));
    }
    x = y = 0;
    count = 0;
  }
  return curve;
}

}  // namespace ijepa::tools
