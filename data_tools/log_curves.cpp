#include "data_tools/log_curves.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <map>
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
using Rows = std::map<std::pair<double, double>, double>;

Rows read_rows(const std::string& path, const std::string& column) {
  std::ifstream file(path);
  check(file.good() && fs::is_regular_file(path), "The log {} is no file that can be read.", path);
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
    rows[{number_in(fields[epoch], path, number), number_in(fields[iteration], path, number)}] =
        number_in(fields[value], path, number);
  }
  check(!rows.empty(), "The log {} has no rows.", path);
  return rows;
}

}  // namespace

LogFile parse_log_file(const std::string& argument) {
  const auto equals = argument.find('=');
  if (equals != std::string::npos && equals > 0)
    return {argument.substr(0, equals), argument.substr(equals + 1)};
  const fs::path path = argument;
  const auto folder = fs::absolute(path).parent_path().filename().string();
  return {path.filename() == "metrics.csv" ? folder : path.stem().string(), argument};
}

Curve log_curve(const LogFile& log, const std::string& column, std::int64_t points) {
  const auto rows = read_rows(log.path, column);
  double first = rows.begin()->first.second, last = first;
  for (const auto& [key, value] : rows) {
    first = std::min(first, key.second);
    last = std::max(last, key.second);
  }
  const double per_epoch = last - first + 1;
  const auto window = (std::ssize(rows) + points - 1) / points;
  Curve curve{log.name, {}, {}};
  double x = 0, y = 0;
  std::int64_t count = 0, seen = 0;
  for (const auto& [key, value] : rows) {
    ++seen;
    if (std::isfinite(value)) {
      x += key.first - 1 + (key.second - first + 1) / per_epoch;
      y += value;
      ++count;
    }
    if (seen % window != 0 && seen != std::ssize(rows)) continue;
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
