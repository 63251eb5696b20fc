// Progress: counts what a rank does, tells the other ranks once a second, and on rank 0 shows the
// sum of all: a live line with rate and time left on a terminal, else a plain line now and then.
#pragma once
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "data_tools/packing/ranks.hpp"

namespace ijepa::tools {

class Progress {
 public:
  /// `folder` is the shared work folder; `file` must outlive this.
  Progress(const Ranks& ranks, std::string folder, RankFile& file);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void start(RankProgress::Phase phase, std::int64_t total);
  void add(std::int64_t images, std::int64_t bytes, std::int64_t rejected);

 private:
  using Clock = std::chrono::steady_clock;

  void run();
  RankProgress own() const;
  RankProgress sum_of_ranks(const RankProgress& mine) const;
  void show(const RankProgress& sum);

  Ranks ranks_;
  RankWatch watch_;
  RankFile& file_;
  bool terminal_;
  std::atomic<RankProgress::Phase> phase_ = RankProgress::Phase::waiting;
  std::atomic<std::int64_t> done_ = 0, total_ = 0, bytes_ = 0, rejected_ = 0;
  RankProgress::Phase shown_phase_ = RankProgress::Phase::waiting;
  std::int64_t shown_first_ =
      0;  // images done when the phase was first shown, as by an earlier run
  Clock::time_point phase_begin_, last_line_;
  bool line_open_ = false;
  std::mutex mutex_;
  std::condition_variable stop_;
  bool stopping_ = false;
  std::thread thread_;
};

/// "1.3 TB", "12 KB"
std::string bytes_text(std::int64_t bytes);
/// "2:03:04", "3:04"
std::string time_text(double seconds);

}  // namespace ijepa::tools
