// Progress: how a run tells a person where it stands. A line every few steps stays; on a terminal
// the line below it is painted again and again.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

#include "ijepa/core/log.hpp"
#include "ijepa/train/logs/metrics_log.hpp"

namespace ijepa {

enum class Display : std::uint8_t { live, plain };

/// live when standard error is a terminal, by itself or behind the launcher that passes it on.
Display display_of_stderr();

/// "3 d 4 h", "2 h 5 min", "45 s".
std::string duration_text(double seconds);

struct ProgressOptions {
  std::int64_t total_steps = 0;
  std::int64_t first_steps = 0;  // of another kind than those behind them,
  double later_cost = 1;         // one of which takes as long as so many of the first
  std::int64_t log_every = 10;   // steps between lines that stay; span of the averages
  Display display = Display::plain;
  std::function<void(std::string_view)> write = write_to_stderr;
};

class Progress {
 public:
  explicit Progress(ProgressOptions options) : options_(std::move(options)) {}

  /// After step `step` (from 1). `peak_share` is the share of the machine's peak arithmetic, 0 to
  /// 1, or NaN where it is not known.
  void step(std::int64_t step, const StepMetrics& metrics, double peak_share);

  /// Takes the live line away before something else is printed; it comes back with the next step.
  void clear();

 private:
  /// A mean over about the last `log_every` steps; values that are not finite are left out.
  struct Average {
    double sum = 0, weight = 0;
    void add(double value, double decay);
    double mean() const;
  };

  double milliseconds_left(std::int64_t step) const;
  std::string line(std::int64_t step, const StepMetrics& metrics) const;

  ProgressOptions options_;
  Average loss_, milliseconds_, rate_, wait_, peak_;
  double unpainted_milliseconds_ = 1e9;  // since the live line was painted; the first is due
  bool painted_ = false;
};

}  // namespace ijepa
