// Activity: what this rank is doing right now, told by the thread that does it and read by the
// watch (watch.hpp), which runs beside it; and how long the watch is to be patient.
#pragma once
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string_view>

namespace ijepa {

enum class Phase : std::uint8_t {
  starting,
  loading,    // waits for images
  computing,  // forward and backward
  reducing,   // sums gradients over ranks
  updating,
  agreeing,  // on whether to stop or save
  saving,
  checking_health,
  evaluating,
  ending
};
std::string_view name_of(Phase phase);

/// One look at a rank.
struct RankState {
  std::int64_t step = 0;
  Phase phase = Phase::starting;
  double phase_seconds = 0;    // since it began
  std::uint64_t calls = 0;     // collective calls begun; all ranks make the same ones in one order
  std::uint64_t progress = 0;  // changes while the rank gets on
  bool stopping = false;       // it has a signal to obey
};

struct HangReport;

/// Seconds; 0 switches a limit off.
struct WatchLimits {
  double silence = 180;      // of a process that does not answer
  double standstill = 1800;  // of all ranks, though their processes answer
  double stop_grace = 300;   // of a standstill, once any rank has a signal to obey
  double notice = 30;        // until ranks that others wait for are named
  /// Called in the watch's thread of the rank that reports, before the job is ended.
  std::function<void(const HangReport&)> on_hang;
};

class Activity {
 public:
  void enter(Phase phase, std::int64_t step);
  void count_call() { calls_.fetch_add(1, std::memory_order_relaxed); }
  RankState look() const;

  void set_limits(WatchLimits limits);
  WatchLimits limits() const;

  /// While it lives, what `count` returns counts as progress: images decoded, bytes written.
  class Progress {
   public:
    Progress(Activity& activity, std::function<std::uint64_t()> count);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;

   private:
    friend class Activity;
    Activity& activity_;
    Progress* next_;
    std::function<std::uint64_t()> count_;
  };

 private:
  using Clock = std::chrono::steady_clock;

  std::atomic<std::int64_t> step_{0};
  std::atomic<Phase> phase_{Phase::starting};
  std::atomic<Clock::rep> entered_{Clock::now().time_since_epoch().count()};
  std::atomic<std::uint64_t> calls_{0}, turns_{0};
  mutable std::mutex mutex_;
  Progress* others_ = nullptr;  // a list; each may end before or after the next
  WatchLimits limits_;
};

}  // namespace ijepa
