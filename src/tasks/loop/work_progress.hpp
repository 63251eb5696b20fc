// WorkProgress: how far a task is, with rate and time left: a live line on a terminal, else a line
// every few seconds.
#pragma once
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/train/logs/progress.hpp"

namespace ijepa {

class WorkProgress {
 public:
  /// `task` is what is done ("features of images"), `unit` what is counted ("images"). Rank 0 tells
  /// it; an empty task is not told. `mine` are those of `total` that this rank will add, where the
  /// others are thought to be about as far.
  WorkProgress(const Communicator& comm, std::string task, std::string unit, std::int64_t total,
               std::int64_t mine);
  WorkProgress(const Communicator& comm, std::string task, std::string unit, std::int64_t total)
      : WorkProgress(comm, std::move(task), std::move(unit), total, total) {}
  ~WorkProgress();
  WorkProgress(const WorkProgress&) = delete;
  WorkProgress& operator=(const WorkProgress&) = delete;

  /// `waited`: for how many seconds in all this rank has waited for images.
  void add(std::int64_t count, std::optional<double> waited = {});

 private:
  using Clock = std::chrono::steady_clock;

  std::string task_, unit_;
  std::int64_t total_, mine_, done_ = 0;  // done of mine
  Display display_ = display_of_stderr();
  Clock::time_point begin_ = Clock::now(), last_ = begin_;
};

}  // namespace ijepa
