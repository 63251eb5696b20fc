#include "ijepa/comm/activity.hpp"

#include <array>
#include <utility>

#include "ijepa/comm/stop_signal.hpp"

namespace ijepa {

std::string_view name_of(Phase phase) {
  constexpr std::array<std::string_view, 10> names{
      "start-up",  "loader", "forward and backward", "all-reduce", "update",
      "agreement", "save",   "health check",         "evaluation", "end"};
  return names.at(static_cast<std::size_t>(phase));
}

void Activity::enter(Phase phase, std::int64_t step) {
  step_.store(step, std::memory_order_relaxed);
  phase_.store(phase, std::memory_order_relaxed);
  entered_.store(Clock::now().time_since_epoch().count(), std::memory_order_relaxed);
  turns_.fetch_add(1, std::memory_order_relaxed);
}

RankState Activity::look() const {
  const Clock::duration entered(entered_.load(std::memory_order_relaxed));
  RankState state;
  state.step = step_.load(std::memory_order_relaxed);
  state.phase = phase_.load(std::memory_order_relaxed);
  state.phase_seconds =
      std::chrono::duration<double>(Clock::now().time_since_epoch() - entered).count();
  state.calls = calls_.load(std::memory_order_relaxed);
  state.stopping = StopSignal::pending() != 0;
  state.progress = turns_.load(std::memory_order_relaxed) + state.calls;
  const std::lock_guard lock(mutex_);
  for (const Progress* p = others_; p != nullptr; p = p->next_) state.progress += p->count_();
  return state;
}

void Activity::set_limits(WatchLimits limits) {
  const std::lock_guard lock(mutex_);
  limits_ = std::move(limits);
}

WatchLimits Activity::limits() const {
  const std::lock_guard lock(mutex_);
  return limits_;
}

Activity::Progress::Progress(Activity& activity, std::function<std::uint64_t()> count)
    : activity_(activity), count_(std::move(count)) {
  const std::lock_guard lock(activity_.mutex_);
  next_ = std::exchange(activity_.others_, this);
}

Activity::Progress::~Progress() {
  const std::lock_guard lock(activity_.mutex_);
  Progress** at = &activity_.others_;
  while (*at != this) at = &(*at)->next_;
  *at = next_;
}

}  // namespace ijepa
