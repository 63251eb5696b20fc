// Metrics log: what a run leaves in its folder while it trains. metrics.csv has a row a step and
// begins with the columns of the authors' log, events.jsonl one JSON object an event. Logging never
// stops a run that has started: on a full disk lines are dropped, with one warning.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "ijepa/core/file.hpp"
#include "ijepa/core/log.hpp"

namespace ijepa {

/// One step, over all ranks.
struct StepMetrics {
  std::int64_t epoch = 1;      // from 1
  std::int64_t iteration = 0;  // in the epoch, from 0
  std::int64_t step = 1;       // of the run, from 1: steps done with this one
  double loss = 0;
  double context_tokens = 0, target_tokens = 0;  // mean length of a mask
  double milliseconds = 0;
  double learning_rate = 0, weight_decay = 0, momentum = 0;
  double encoder_gradient = 0, predictor_gradient = 0;  // Euclidean norms
  double images_per_second = 0;
  // Shares of the step in which the computation waited, 0 to 1: for images, and for the gradients
  // of other ranks (communication that backward does not hide, and ranks that are slower).
  double data_wait = 0, rank_wait = 0;
  double memory_mib = 0;  // of this rank
};

/// A text file to which whole lines are appended. Opening removes an unfinished last line, as a
/// kill leaves it.
class LineFile {
 public:
  /// Opens or creates; an Error if that is impossible.
  LineFile(const std::string& path, Log log);

  /// Writes the line or, where the system refuses, nothing of it.
  void append(std::string_view line);
  std::int64_t dropped_lines() const { return dropped_; }

 private:
  /// What an interrupted write left of a line.
  void drop_torn_line();

  Log log_;
  File file_;
  bool torn_ = false;
  std::int64_t dropped_ = 0;
};

/// Where a run stands: the place of the row to come, counted as in StepMetrics.
struct RowPlace {
  std::int64_t epoch = 1, iteration = 0;
  std::int64_t steps_per_epoch = 1;
};

class MetricsLog {
 public:
  /// Goes on with the file at `path`, or starts it. Rows from `next` on, of steps that are repeated
  /// after a resume, are removed in one atomic step, as are rows that cannot be read. A file from
  /// before there was a column `step` is given it. One with other columns is kept under a new name.
  MetricsLog(const std::string& path, const RowPlace& next, const Log& log);

  void append(const StepMetrics& metrics);
  std::int64_t dropped_lines() const { return lines_.dropped_lines(); }

  /// The first line of the file: "epoch,itr,loss,mask-A,mask-B,time (ms),lr,...,step".
  static std::string header();

 private:
  LineFile lines_;
};

class EventLog {
 public:
  EventLog(const std::string& path, const Log& log) : lines_(path, log) {}

  /// Appends {"time": UTC, "event": name, ...fields}. `fields` is an object; numbers that are not
  /// finite become null.
  void write(std::string_view event, const nlohmann::json& fields);

 private:
  LineFile lines_;
};

}  // namespace ijepa
