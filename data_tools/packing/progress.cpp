#include "data_tools/packing/progress.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace ijepa::tools {
namespace {

using Phase = RankProgress::Phase;

constexpr auto beat = std::chrono::seconds(1);
constexpr auto plain_line_every = std::chrono::seconds(30);

/// "1,234,567", whatever the locale.
std::string grouped(std::int64_t n) {
  const std::string digits = std::to_string(n);
  std::string out;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i > 0 && (digits.size() - i) % 3 == 0) out.push_back(',');
    out.push_back(digits[i]);
  }
  return out;
}

std::string line_of(const RankProgress& p, double rate) {
  if (p.phase == Phase::counting)
    return fmt::format("counting  {} files  {}", grouped(p.done), bytes_text(p.bytes));
  const double share =
      p.total > 0 ? 100.0 * static_cast<double>(p.done) / static_cast<double>(p.total) : 0;
  const std::string left =
      rate > 0 ? time_text(static_cast<double>(p.total - p.done) / rate) : std::string("?");
  const bool packing = p.phase == Phase::packing;
  return fmt::format("{}  {} / {} images  {:.1f} %  {}/s  {}time left {}",
                     packing ? "packing" : "writing shards", grouped(p.done), grouped(p.total),
                     share, grouped(static_cast<std::int64_t>(rate)),
                     packing ? grouped(p.rejected) + " left out  " : "", left);
}

}  // namespace

std::string bytes_text(std::int64_t bytes) {
  constexpr std::array units{"B", "KB", "MB", "GB", "TB", "PB"};
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  for (; value >= 1000 && unit + 1 < units.size(); ++unit) value /= 1000;
  return fmt::format("{:.{}f} {}", value, unit > 0 && value < 100 ? 1 : 0, units[unit]);
}

std::string time_text(double seconds) {
  const auto s = static_cast<std::int64_t>(std::llround(seconds));
  return s >= 3600 ? fmt::format("{}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
                   : fmt::format("{}:{:02}", s / 60, s % 60);
}

Progress::Progress(const Ranks& ranks, std::string folder, RankFile& file)
    : ranks_(ranks),
      watch_(std::move(folder), std::chrono::hours(1)),
      file_(file),
      terminal_(::isatty(STDERR_FILENO) == 1),
      last_line_(Clock::now()),
      thread_([this] { run(); }) {}

Progress::~Progress() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  stop_.notify_all();
  thread_.join();
  if (line_open_) fmt::print(stderr, "\r\033[K");
}

void Progress::start(Phase phase, std::int64_t total) {
  done_ = bytes_ = rejected_ = 0;
  total_ = total;
  phase_ = phase;
}

void Progress::add(std::int64_t images, std::int64_t bytes, std::int64_t rejected) {
  done_.fetch_add(images, std::memory_order_relaxed);
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
  rejected_.fetch_add(rejected, std::memory_order_relaxed);
}

RankProgress Progress::own() const {
  return {phase_, done_, total_, bytes_, rejected_};
}

void Progress::run() {
  for (std::unique_lock lock(mutex_); !stop_.wait_for(lock, beat, [this] { return stopping_; });) {
    const RankProgress mine = own();
    file_.write(mine);
    if (ranks_.rank == 0) show(sum_of_ranks(mine));
  }
}

RankProgress Progress::sum_of_ranks(const RankProgress& mine) const {
  if (mine.phase < Phase::packing) return mine;
  std::vector<RankProgress> all{mine};
  for (int rank = 1; rank < ranks_.size; ++rank) all.push_back(watch_.read(rank));
  RankProgress sum;
  sum.phase = Phase::finished;  // until a rank is found that is not: the line is about the slowest
  for (const auto& p : all)
    if (p.phase >= Phase::packing) sum.phase = std::min(sum.phase, p.phase);
  for (const auto& p : all) {
    if (p.phase != sum.phase) continue;
    sum.done += p.done;
    sum.total += p.total;
    sum.bytes += p.bytes;
    sum.rejected += p.rejected;
  }
  return sum;
}

void Progress::show(const RankProgress& sum) {
  if (sum.phase == Phase::waiting || sum.phase == Phase::finished) return;
  const auto now = Clock::now();
  if (sum.phase != shown_phase_) {
    shown_phase_ = sum.phase;
    shown_first_ = sum.done;
    phase_begin_ = now;
  }
  if (!terminal_ && now - last_line_ < plain_line_every) return;
  last_line_ = now;
  const double seconds = std::chrono::duration<double>(now - phase_begin_).count();
  const double rate = seconds > 0 ? static_cast<double>(sum.done - shown_first_) / seconds : 0;
  fmt::print(stderr, "{}{}{}", terminal_ ? "\r" : "", line_of(sum, rate),
             terminal_ ? "\033[K" : "\n");
  line_open_ = terminal_;
}

}  // namespace ijepa::tools
