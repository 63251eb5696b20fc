// Log table: a training log, ours or a published one (epoch, itr, loss, mask-A, mask-B, time (ms)),
// as columns of numbers in the order of the run.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ijepa::tools {

struct LogTable {
  std::string path;
  std::vector<std::string> names;
  /// (rows) of each name, by epoch and iteration; NaN for "nan" and "inf". A row that comes again,
  /// as after a resume, is there once, as it was last.
  std::vector<std::vector<double>> columns;
  double first = 0, per_epoch = 1;  // iterations: the lowest, and how many an epoch has
  std::int64_t bad_lines = 0;       // passed over: they are no rows
  std::string problem;              // of the first of them, a sentence

  std::size_t rows() const { return columns.empty() ? 0 : columns.front().size(); }
  /// An Error says which columns there are.
  const std::vector<double>& column(const std::string& name) const;
  /// Epochs done with a row.
  std::vector<double> epochs() const;
};

/// The names of a log's columns; nothing where there is no file.
std::vector<std::string> log_columns(const std::string& path);

/// The columns `wanted` (none: all) beside epoch and itr. A repeated header and what a kill left of
/// the last line are passed over. An Error where there is no log or no such column.
LogTable read_log_table(const std::string& path, std::vector<std::string> wanted = {});

/// At most `points` means over equally many neighbours, of those that are finite, with the means of
/// their places `x`; stretches without a finite value are left out.
struct Means {
  std::vector<double> x, y;
};
Means means_of(const std::vector<double>& x, const std::vector<double>& y, std::int64_t points);

}  // namespace ijepa::tools
