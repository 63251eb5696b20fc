#include "start_notice.hpp"

#include <unistd.h>

#include <algorithm>
#include <chrono>

#include "guard.hpp"
#include "ijepa/comm/exit_codes.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr double own_end_seconds = 5;

void say(const Environment& environment, double seconds) try {
  const Cluster cluster = parse_cluster(environment);
  if (cluster.local_rank > 0) return;
  print_line(fmt::format(
      "rank {} on {} has been waiting for {:.0f} s for MPI to connect all {} ranks: nodes that "
      "do not say so hold it up.",
      std::max(cluster.rank, 0), host_name(), seconds, cluster.ranks));
} catch (const Error&) {
  // The same error is reported once MPI runs.
}

}  // namespace

void print_line(const std::string& text) {
  const std::string line = text + "\n";
  // A closed standard error leaves nobody to tell; the exit code remains.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

StartNotice::StartNotice(const Environment& environment, const SessionOptions& options) {
  // Should this thread not get to its own end: a start that hangs may do so with a lock held.
  guard::end_process_after(options.start_limit_seconds + own_end_seconds, exit_code::hung);
  thread_ = std::thread([this, environment, options] { wait(environment, options); });
}

StartNotice::~StartNotice() {
  {
    const std::lock_guard lock(mutex_);
    started_ = true;
  }
  wake_.notify_one();
  thread_.join();
  guard::do_not_end();
}

void StartNotice::wait(const Environment& environment, const SessionOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  for (double seconds = options.start_notice_seconds; seconds > 0; seconds *= 2) {
    const auto until =
        begin + std::chrono::duration<double>(std::min(seconds, options.start_limit_seconds));
    if (wake_.wait_until(lock, until, [this] { return started_; })) return;
    say(environment, std::min(seconds, options.start_limit_seconds));
    if (seconds < options.start_limit_seconds) continue;
    print_line("error: MPI did not start; the job is given up.");
    ::_exit(exit_code::hung);
  }
}

}  // namespace ijepa
