#include "work_progress.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ijepa {

WorkProgress::WorkProgress(std::string what, std::int64_t total)
    : what_(std::move(what)), total_(total) {}

WorkProgress::~WorkProgress() {
  if (line_open_) write_to_stderr("\n");
}

void WorkProgress::clear() {
  if (line_open_) write_to_stderr("\r\x1b[K");
  line_open_ = false;
}

void WorkProgress::add(std::int64_t count) {
  done_ = std::min(done_ + count, total_);
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const bool live = display_ == Display::live;
  if (what_.empty() || (seconds < (live ? 0.1 : 10.0) && done_ < total_)) return;
  last_ = now;
  const double rate =
      static_cast<double>(done_) / std::chrono::duration<double>(now - begin_).count();
  const auto line = fmt::format("{} of {} {}  {:.1f} {}/s  ETA {}", done_, total_, what_, rate,
                                what_, duration_text(static_cast<double>(total_ - done_) / rate));
  write_to_stderr(live ? "\r\x1b[K" + line : line + "\n");
  line_open_ = live;
}

}  // namespace ijepa
