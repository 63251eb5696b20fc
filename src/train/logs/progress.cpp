#include "ijepa/train/logs/progress.hpp"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "ijepa/core/terminal.hpp"

namespace ijepa {
namespace {

/// A line longer than the terminal would wrap, and every repaint would leave a copy.
std::size_t terminal_width() {
  return Terminal().width().value_or(120);
}

std::string percent(double share) {
  return std::isfinite(share) ? fmt::format("{:.0f} %", 100 * share) : "- %";
}

}  // namespace

Display display_of_stderr() {
  return Terminal().found() ? Display::live : Display::plain;
}

std::string duration_text(double seconds) {
  if (!std::isfinite(seconds) || seconds < 0) return "-";
  const auto s = static_cast<std::int64_t>(std::min(seconds, 1e12));
  if (s >= 86400) return fmt::format("{} d {} h", s / 86400, s % 86400 / 3600);
  if (s >= 3600) return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
  if (s >= 60) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} s", s);
}

void Progress::Average::add(double value, double decay) {
  if (!std::isfinite(value)) return;
  sum = decay * sum + value;
  weight = decay * weight + 1;
}

double Progress::Average::mean() const {
  return weight > 0 ? sum / weight : std::numeric_limits<double>::quiet_NaN();
}

double Progress::milliseconds_left(std::int64_t step) const {
  const std::int64_t first = std::max<std::int64_t>(options_.first_steps - step, 0);
  const std::int64_t later = options_.total_steps - step - first;
  const double cost = step <= options_.first_steps ? options_.later_cost : 1;
  return (static_cast<double>(first) + cost * static_cast<double>(later)) * milliseconds_.mean();
}

std::string Progress::line(std::int64_t step, const StepMetrics& metrics) const {
  return fmt::format(
      "step {}/{}  epoch {}  loss {:.4f}  {:.0f} images/s  {} of peak  data wait {}  ETA {}", step,
      options_.total_steps, metrics.epoch, loss_.mean(), rate_.mean(), percent(peak_.mean()),
      percent(wait_.mean()), duration_text(milliseconds_left(step) / 1000));
}

void Progress::step(std::int64_t step, const StepMetrics& metrics, double peak_share) {
  const double decay = 1 - 1 / static_cast<double>(options_.log_every);
  loss_.add(metrics.loss, decay);
  milliseconds_.add(metrics.milliseconds, decay);
  rate_.add(metrics.images_per_second, decay);
  wait_.add(metrics.data_wait, decay);
  peak_.add(peak_share, decay);
  const bool last = step == options_.total_steps, stays = step % options_.log_every == 0 || last;
  if (options_.display == Display::plain) {
    if (stays) options_.write(line(step, metrics) + "\n");
    return;
  }
  constexpr double repaint_milliseconds = 100;
  unpainted_milliseconds_ += metrics.milliseconds;
  if (unpainted_milliseconds_ < repaint_milliseconds && !stays) return;
  unpainted_milliseconds_ = 0;
  std::string text = line(step, metrics);
  if (!stays) text = text.substr(0, terminal_width() - 1);
  options_.write(std::string(erase_line) + text + (stays ? "\n" : ""));
  painted_ = !stays;
}

void Progress::clear() {
  if (painted_) options_.write(erase_line);
  painted_ = false;
  unpainted_milliseconds_ = 1e9;
}

}  // namespace ijepa
