#include "team.hpp"

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace ijepa::cpu {
namespace {

using Clock = std::chrono::steady_clock;

/// Longer than the gaps between the operations of a step, shorter than what one would miss.
constexpr auto patience = std::chrono::microseconds(50);
constexpr int most_in_vain = 10;  // 2^10 times of sleeping at once

void pause() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}

static_assert(std::atomic<int>::is_always_lock_free, "the kernel looks at the number itself");

}  // namespace

bool Gate::changes_soon(int old) const {
  const auto end = Clock::now() + patience;
  do {
    for (int i = 0; i < 64; ++i) {
      if (value() != old) return true;
      pause();
    }
  } while (Clock::now() < end);
  return false;
}

void Gate::await_change(int old) {
  if (sleeps_ > 0) {
    --sleeps_;
  } else if (changes_soon(old)) {
    in_vain_ = 0;
    return;
  } else {
    in_vain_ = std::min(in_vain_ + 1, most_in_vain);
    sleeps_ = (1 << in_vain_) - 1;
  }
  // Either the other thread sees that this one sleeps, or this one, or the kernel, sees its change.
  asleep_ = true;
  if (value_ == old) ::syscall(SYS_futex, &value_, FUTEX_WAIT_PRIVATE, old, nullptr, nullptr, 0);
  asleep_ = false;
}

void Gate::wake() {
  if (asleep_) ::syscall(SYS_futex, &value_, FUTEX_WAKE_PRIVATE, 1, nullptr, nullptr, 0);
}

/// A thread, which has work of its own line in memory, so that those without work are not
/// disturbed.
class Team::Member {
 public:
  explicit Member(Team& team) : team_(team), thread_([this] { serve(); }) {}
  ~Member() { give(nullptr, nullptr, 0); }

  /// No call: the thread ends.
  void give(Call call, const void* work, std::int64_t piece) {
    call_ = call;
    work_ = work;
    piece_ = piece;
    given_.add(1);
    given_.wake();
  }

 private:
  void serve() {
    for (int done = 0;; ++done) {
      while (given_.value() == done) given_.await_change(done);
      if (call_ == nullptr) return;
      team_.guarded(call_, work_, piece_);
      if (team_.unfinished_.add(-1) == 0) team_.unfinished_.wake();
    }
  }

  Team& team_;
  alignas(64) Gate given_;
  Call call_ = nullptr;
  const void* work_ = nullptr;
  std::int64_t piece_ = 0;
  std::jthread thread_;
};

Team::Team() = default;
Team::~Team() = default;

Team& Team::own() {
  thread_local Team team;
  return team;
}

void Team::guarded(Call call, const void* work, std::int64_t piece) noexcept {
  try {
    call(work, piece);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!error_) error_ = std::current_exception();
  }
}

void Team::start(std::int64_t n, Call call, const void* work) {
  const int others = static_cast<int>(n) - 1;
  while (static_cast<int>(members_.size()) < others)
    members_.push_back(std::make_unique<Member>(*this));
  unfinished_.set(others);
  for (int i = 0; i < others; ++i) members_[static_cast<std::size_t>(i)]->give(call, work, i + 1);
  guarded(call, work, 0);
  for (int left = unfinished_.value(); left != 0; left = unfinished_.value())
    unfinished_.await_change(left);
  if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
}

}  // namespace ijepa::cpu
