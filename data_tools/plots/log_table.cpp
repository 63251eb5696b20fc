#include "data_tools/plots/log_table.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <limits>
#include <numeric>
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

std::optional<double> number_in(std::string_view field) {
  for (const char* name : {"nan", "-nan", "inf", "-inf"})
    if (field == name) return std::numeric_limits<double>::quiet_NaN();
  double value = 0;
  const char* end = field.data() + field.size();
  const auto [stop, error] = std::from_chars(field.data(), end, value);
  if (error != std::errc{} || stop != end) return {};
  return value;
}

/// Reads the rows of one log into the columns of a table.
class RowReader {
 public:
  RowReader(LogTable& table, const Fields& header) : table_(table), fields_(header.size()) {
    for (const auto& name : table.names) {
      const auto at = std::ranges::find(header, name);
      check(at != header.end(), "The log {} has no column \"{}\"; it has {}.", table.path, name,
            fmt::join(header, ", "));
      places_.push_back(static_cast<std::size_t>(at - header.begin()));
    }
    table_.columns.resize(places_.size());
  }

  void read(std::string_view line, std::int64_t number, bool last) {
    const auto fields = fields_of(line);
    if (fields.size() != fields_) {
      if (!last)  // which a kill cuts
        reject(fmt::format("Line {} of the log {} has {} fields instead of {}.", number,
                           table_.path, fields.size(), fields_));
      return;
    }
    std::vector<double> values;
    for (const auto place : places_) {
      const auto value = number_in(fields[place]);
      if (!value)
        return reject(fmt::format("Line {} of the log {} has \"{}\" for a number.", number,
                                  table_.path, fields[place]));
      values.push_back(*value);
    }
    for (std::size_t c = 0; c < values.size(); ++c) table_.columns[c].push_back(values[c]);
  }

 private:
  void reject(std::string problem) {
    if (table_.bad_lines++ == 0) table_.problem = std::move(problem);
  }

  LogTable& table_;
  std::size_t fields_;
  std::vector<std::size_t> places_;
};

/// Rows in the order of epoch and iteration, each once, as it was last.
void sort_rows(LogTable& table) {
  const auto &epoch = table.column("epoch"), &iteration = table.column("itr");
  std::vector<std::size_t> order(table.rows()), kept;
  std::iota(order.begin(), order.end(), 0);
  const auto key = [&](std::size_t row) { return std::pair(epoch[row], iteration[row]); };
  std::ranges::stable_sort(order, {}, key);
  for (const auto row : order) {
    if (!kept.empty() && key(kept.back()) == key(row)) kept.pop_back();
    kept.push_back(row);
  }
  for (auto& column : table.columns) {
    std::vector<double> sorted;
    for (const auto row : kept) sorted.push_back(column[row]);
    column = std::move(sorted);
  }
}

}  // namespace

const std::vector<double>& LogTable::column(const std::string& name) const {
  const auto at = std::ranges::find(names, name);
  check(at != names.end(), "The log {} has no column \"{}\"; it has {}.", path, name,
        fmt::join(names, ", "));
  return columns[static_cast<std::size_t>(at - names.begin())];
}

std::vector<double> LogTable::epochs() const {
  const auto &epoch = column("epoch"), &iteration = column("itr");
  std::vector<double> done;
  for (std::size_t i = 0; i < rows(); ++i)
    done.push_back(epoch[i] - 1 + (iteration[i] - first + 1) / per_epoch);
  return done;
}

std::vector<std::string> log_columns(const std::string& path) {
  std::string line;
  std::ifstream file(path);
  if (!std::getline(file, line)) return {};
  const auto fields = fields_of(line);
  return {fields.begin(), fields.end()};
}

LogTable read_log_table(const std::string& path, std::vector<std::string> wanted) {
  std::ifstream file(path);
  check(file.good() && fs::is_regular_file(path), "The log {} is no file that can be read.", path);
  LogTable table;
  table.path = path;
  table.names = std::move(wanted);
  if (table.names.empty()) table.names = log_columns(path);
  for (const char* key : {"itr", "epoch"})
    if (std::ranges::count(table.names, key) == 0) table.names.insert(table.names.begin(), key);
  std::string header, line;
  std::getline(file, header);
  RowReader reader(table, fields_of(header));
  for (std::int64_t number = 2; std::getline(file, line); ++number)
    if (!line.empty() && line != header) reader.read(line, number, file.peek() == EOF);
  sort_rows(table);
  if (table.rows() == 0) return table;
  const auto [low, high] = std::ranges::minmax(table.column("itr"));
  table.first = low;
  table.per_epoch = high - low + 1;
  return table;
}

Means means_of(const std::vector<double>& x, const std::vector<double>& y, std::int64_t points) {
  const auto rows = std::ssize(y), window = std::max<std::int64_t>(1, (rows + points - 1) / points);
  Means means;
  for (std::int64_t begin = 0; begin < rows; begin += window) {
    double sum_x = 0, sum_y = 0, count = 0;
    for (auto i = static_cast<std::size_t>(begin);
         i < static_cast<std::size_t>(std::min(begin + window, rows)); ++i) {
      if (!std::isfinite(y[i])) continue;
      sum_x += x[i];
      sum_y += y[i];
      ++count;
    }
    if (count == 0) continue;
    means.x.push_back(sum_x / count);
    means.y.push_back(sum_y / count);
  }
  return means;
}

}  // namespace ijepa::tools
