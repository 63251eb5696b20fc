#include "work_progress.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace ijepa {

WorkProgress::WorkProgress(const Communicator& comm, std::string task, std::string unit,
                           std::int64_t total, std::int64_t mine)
    : task_(comm.rank() == 0 ? std::move(task) : ""),
      unit_(std::move(unit)),
      total_(total),
      mine_(mine) {}

WorkProgress::~WorkProgress() {
  end_live_line();
}

void WorkProgress::add(std::int64_t count, std::optional<double> waited) {
  if (task_.empty() || done_ >= mine_) return;
  done_ = std::min(done_ + count, mine_);
  const auto now = Clock::now();
  const double seconds = std::chrono::duration<double>(now - last_).count();
  const bool live = display_ == Display::live;
  if (seconds < (live ? 0.1 : 10.0) && done_ < mine_) return;
  last_ = now;
  const double done =
      static_cast<double>(done_) / static_cast<double>(mine_) * static_cast<double>(total_);
  const double spent = std::chrono::duration<double>(now - begin_).count(), rate = done / spent;
  const auto wait = waited ? fmt::format("  data wait {:.0f} %", 100 * *waited / spent) : "";
  const auto line =
      fmt::format("{}: {:.0f} of {} {}  {:.1f} {}/s{}  ETA {}", task_, done, total_, unit_, rate,
                  unit_, wait, duration_text((static_cast<double>(total_) - done) / rate));
  write_to_stderr(live ? std::string(erase_line) + line : line + "\n");
}

}  // namespace ijepa
