#include "guard.hpp"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <mutex>

#include "ijepa/comm/exit_codes.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa::guard {
namespace {

constexpr std::array received{SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT};
constexpr std::int64_t never = INT64_MAX;
constexpr timespec tick{0, 50'000'000};
constexpr double tick_seconds = 0.05;
/// Later than the guard, which sees to it within a tick.
constexpr unsigned alarm_margin_seconds = 5;

/// A text that is said by the guard; two words that are read one after the other could not match.
struct Line {
  std::atomic<const char*> text{nullptr};
  std::atomic<std::size_t> length{0};
};

std::atomic<Listener> listener{nullptr};
std::atomic<std::int64_t> end_at{never}, word_at{never};
std::atomic<int> end_code{0};
Line last_word, end_word;
std::atomic<std::uint64_t> beats{0};
std::atomic<double> beat_limit{0};

std::int64_t now_ns() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

std::int64_t later(double seconds) {
  return now_ns() + static_cast<std::int64_t>(seconds * 1e9);
}

void set(Line& line, std::string_view text) {
  line.length = 0;
  line.text = text.data();
  line.length = text.size();
}

void say(const Line& line) {
  const std::size_t length = line.length;
  if (length > 0) guard::say({line.text, length});
}

sigset_t set_of(const std::array<int, received.size()>& signals) {
  sigset_t result;
  sigemptyset(&result);
  for (const int signal : signals) sigaddset(&result, signal);
  return result;
}

/// By the name of the process, for ranks may have a shell between the launcher and themselves.
bool is_open_mpis_launcher(pid_t pid) {
  std::array<char, 32> path{}, name{};
  std::snprintf(path.data(), path.size(), "/proc/%d/comm", static_cast<int>(pid));
  const int file = ::open(path.data(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  const auto length = ::read(file, name.data(), name.size());
  ::close(file);
  if (length <= 1) return false;
  const std::string_view is(name.data(), static_cast<std::size_t>(length) - 1);  // and '\n'
  constexpr std::array<std::string_view, 7> names{"mpirun",  "mpiexec", "orterun", "orted",
                                                  "prterun", "prte",    "prted"};
  return std::find(names.begin(), names.end(), is) != names.end();
}

/// As if this thread had not blocked it: the process ends, ignores it, or a library's handler runs.
void do_as_usual(int signal) {
  struct sigaction action {};
  ::sigaction(signal, nullptr, &action);
  if (action.sa_handler == SIG_DFL) say(end_word);
  sigset_t one;
  sigemptyset(&one);
  sigaddset(&one, signal);
  ::raise(signal);
  ::pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  ::pthread_sigmask(SIG_BLOCK, &one, nullptr);
}

void receive(const siginfo_t& info, bool was_stopped) {
  const int signal = info.si_signo;
  // Whoever stops a process continues it so, too.
  if (signal == SIGCONT && (was_stopped || !is_open_mpis_launcher(info.si_pid))) return;
  const Listener hears = listener;
  if (hears != nullptr) {
    hears(signal);
  } else if (signal != SIGCONT) {
    do_as_usual(signal);
  }
}

class BeatWatch {
 public:
  /// After each tick; a stopped process has none, so being stopped is not held against it.
  void look() {
    const std::uint64_t now = beats;
    const double limit = beat_limit;
    silent_ticks_ = now == seen_ ? silent_ticks_ + 1 : 0;
    seen_ = now;
    if (limit <= 0 || silent_ticks_ * tick_seconds < limit) return;
    guard::say(
        "error: this process watches itself no more: its memory is damaged, or a lock is held for "
        "ever. It is ended with code 86; started again, it goes on from the newest checkpoint.\n");
    ::_exit(exit_code::hung);
  }

 private:
  std::uint64_t seen_ = 0;
  double silent_ticks_ = 0;
};

void keep_the_clock(BeatWatch& watch) {
  const std::int64_t now = now_ns();
  if (now >= end_at) ::_exit(end_code);
  if (now >= word_at) {
    word_at = never;
    say(last_word);
  }
  watch.look();
}

void* run(void*) {
  ::prctl(PR_SET_NAME, "guard");
  const sigset_t mine = set_of(received);
  // What a profiler or a library handles for itself is handled here.
  ::pthread_sigmask(SIG_SETMASK, &mine, nullptr);
  BeatWatch watch;
  bool was_stopped = false;
  std::int64_t looked = now_ns();
  for (;;) {
    siginfo_t info{};
    const int signal = ::sigtimedwait(&mine, &info, &tick);
    // Being stopped interrupts the wait (signal(7)), and the SIGCONT that ends it comes next.
    const bool interrupted = signal < 0 && errno == EINTR;
    if (signal > 0) receive(info, was_stopped);
    was_stopped = interrupted;
    const std::int64_t now = now_ns();
    if (now - looked < tick.tv_nsec) continue;
    looked = now;
    keep_the_clock(watch);
  }
}

}  // namespace

sigset_t kept_from_threads() {
  sigset_t kept = set_of(received);
  for (const int signal : {SIGCHLD, SIGPROF, SIGVTALRM, SIGIO, SIGURG, SIGWINCH, SIGPWR})
    sigaddset(&kept, signal);
  for (int signal = SIGRTMIN; signal <= SIGRTMAX; ++signal) sigaddset(&kept, signal);
  return kept;
}

void start() {
  static std::once_flag once;
  const sigset_t kept = kept_from_threads();
  ::pthread_sigmask(SIG_BLOCK, &kept, nullptr);
  std::call_once(once, [] {
    pthread_t thread{};
    check(::pthread_create(&thread, nullptr, run, nullptr) == 0,
          "The thread that receives signals could not be started: is the number of processes "
          "limited (ulimit -u)?");
    ::pthread_detach(thread);
  });
}

void listen(Listener hears) {
  listener = hears;
}

void say_when_ended(std::string_view line) {
  set(end_word, line);
}

void say_after(double seconds, std::string_view line) {
  word_at = never;
  set(last_word, line);
  if (!line.empty()) word_at = later(seconds);
}

void say(std::string_view line) {
  // A pipe that takes anything at once takes a whole page.
  pollfd out{STDERR_FILENO, POLLOUT, 0};
  if (::poll(&out, 1, 0) != 1 || (out.revents & POLLOUT) == 0) return;
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void end_process_after(double seconds, int code) {
  const std::int64_t at = later(seconds);
  if (at >= end_at) return;
  end_code = code;
  end_at = at;
  // Should even the guard be no more: the default of SIGALRM ends a process in the kernel.
  ::alarm(static_cast<unsigned>(std::ceil(seconds)) + alarm_margin_seconds);
}

void do_not_end() {
  end_at = never;
  ::alarm(0);
}

void expect_beats(double seconds) {
  ++beats;
  beat_limit = seconds;
}

void beat() {
  beats.fetch_add(1, std::memory_order_relaxed);
}

}  // namespace ijepa::guard
