// WorkProgress: how far a task is, with rate and time left: a live line on a terminal, else a line
// every few seconds.
#pragma once
#include <chrono>
#include <cstdint>
#include <string>

#include "ijepa/train/progress.hpp"

namespace ijepa {

class WorkProgress {
 public:
  /// `what` is counted ("images"); empty: says nothing, as ranks other than 0 do.
  WorkProgress(std::string what, std::int64_t total);
  ~WorkProgress();
  WorkProgress(const WorkProgress&) = delete;
  WorkProgress& operator=(const WorkProgress&) = delete;

  void add(std::int64_t count);
  /// Takes a live line away before something else is printed; it comes back with the next add().
  void clear();

 private:
  using Clock = std::chrono::steady_clock;

  std::string what_;
  std::int64_t total_, done_ = 0;
  Display display_ = display_of_stderr();
  Clock::time_point begin_ = Clock::now(), last_ = begin_;
  bool line_open_ = false;
};

}  // namespace ijepa
