#include "ijepa/comm/session.hpp"

#include <fcntl.h>
#include <mpi.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>

#include "guard.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/exit_codes.hpp"
#include "ijepa/comm/watch.hpp"
#include "ijepa/core/error.hpp"
#include "mpi_communicator.hpp"

namespace ijepa {
namespace {

/// MPI cannot say for which ranks it waits before it runs. So the first rank of each node says that
/// it waits: the nodes that are not heard are those to look at.
class StartNotice {
 public:
  StartNotice(const Environment& environment, const SessionOptions& options);
  /// MPI has started.
  ~StartNotice();
  StartNotice(const StartNotice&) = delete;
  StartNotice& operator=(const StartNotice&) = delete;

 private:
  void wait(const Environment& environment, const SessionOptions& options);

  std::mutex mutex_;
  std::condition_variable wake_;
  bool started_ = false;
  std::thread thread_;
};

constexpr double own_end_seconds = 5;

/// A line to standard error in one piece, so that lines of ranks do not mix.
void print_line(const std::string& text) {
  const std::string line = text + "\n";
  // A closed standard error leaves nobody to tell; the exit code remains.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

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

constexpr double abort_seconds = 20;

/// Runs before the libraries of the program are initialised, for some start threads then, and
/// threads inherit the mask. A system call by itself: nothing is set up yet that could watch it.
__attribute__((no_sanitize("address", "thread", "undefined"))) void block_signals(int, char**,
                                                                                  char**) {
  const sigset_t kept = guard::kept_from_threads();
  ::syscall(SYS_rt_sigprocmask, SIG_BLOCK, &kept, nullptr, sizeof(std::uint64_t));
}
[[gnu::used,
  gnu::section(".preinit_array")]] void (*const before_libraries)(int, char**,
                                                                  char**) = block_signals;

/// Launchers report one code for all ranks: perhaps of a rank that they killed because another
/// failed, or 0 when none could be started. A script that has to know names a file for all codes.
void leave_code(int code) {
  const char* path = std::getenv("IJEPA_RANK_CODES");
  if (path == nullptr) return;
  const int file = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return;
  const std::string line = std::to_string(code) + "\n";
  // A full disk: the script goes by the launcher's code then.
  [[maybe_unused]] const auto written = ::write(file, line.data(), line.size());
  ::close(file);
}

[[noreturn]] void abort_job(const Communicator& comm, const std::string& message) {
  // MPI_Abort is called beside a thread that may sit inside a collective. Should it block, the
  // guard ends this process, and the launcher then ends the job.
  guard::end_process_after(abort_seconds, exit_code::error);
  print_line(fmt::format("error on rank {} of {} ({}): {}", comm.rank(), comm.size(), host_name(),
                         message));
  leave_code(exit_code::error);
  MPI_Abort(MPI_COMM_WORLD, exit_code::error);
  ::_exit(exit_code::error);
}

int run_body(Communicator& comm, const std::function<int(Communicator&)>& body) {
  try {
    return body(comm);
  } catch (const AgreedError& e) {
    if (comm.rank() == 0) print_line(fmt::format("error: {}", e.what()));
    return e.code();
  } catch (...) {
    const auto message = message_of(std::current_exception());
    if (comm.size() > 1) abort_job(comm, message);
    print_line(fmt::format("error: {}", message));
  }
  return exit_code::error;
}

std::string mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  return text.data();
}

/// Unconnected ranks all believe to be the first: the launcher's number picks one speaker. srun
/// kills it as soon as another one has failed, so the others wait until it has spoken.
int refuse(const Cluster& cluster, const std::string& problem) {
  if (cluster.rank <= 0)
    print_line("error: " + problem);
  else
    std::this_thread::sleep_for(std::chrono::seconds(3));
  return exit_code::error;
}

int run_watched(Communicator& comm, const std::function<int(Communicator&)>& body) {
  // A program that tells its progress sets limits of its own; others are not judged by it.
  comm.activity().set_limits({.standstill = 0, .stop_grace = 0, .on_hang = {}});
  const Watch watch(comm);
  guard::say_when_ended({});
  return run_body(comm, body);
}

int run_connected(const Cluster& cluster, const std::function<int(Communicator&)>& body) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  if (const auto problem = launch_problem(cluster, world)) return refuse(cluster, *problem);
  const auto comm = mpi_communicator();
  return run_watched(*comm, body);
}

int run_with_mpi(int argc, char** argv, const Environment& before_init, const Cluster& cluster,
                 const std::function<int(Communicator&)>& body, const SessionOptions& options) {
  int provided = MPI_THREAD_SINGLE;
  {
    const StartNotice notice(before_init, options);
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided);
  }
  int code = exit_code::error;
  if (provided < MPI_THREAD_SERIALIZED) {
    print_line(
        "error: This MPI library lacks MPI_THREAD_SERIALIZED: use one built with thread support.");
  } else {
    try {
      code = run_connected(cluster, body);
    } catch (const Error& e) {
      print_line(fmt::format("error: {}", e.what()));
    }
  }
  MPI_Finalize();
  return code;
}

int run_session(int argc, char** argv, const std::function<int(Communicator&)>& body,
                const SessionOptions& options) {
  // MPI_Init writes launcher variables of its own, so what the launcher said is read first.
  const Environment before_init = process_environment();
  try {
    guard::start();
    const Cluster cluster = parse_cluster(before_init);
    if (cluster.rank <= 0)
      guard::say_when_ended("Ended by a signal before the start was done; nothing was begun.\n");
    // One task needs no MPI: where it could not connect ranks it might not even start.
    if (is_alone(before_init)) {
      if (const auto problem = launch_problem(cluster, 1)) return refuse(cluster, *problem);
      return run_watched(*local_communicator(), body);
    }
    if (const auto problem = start_problem(before_init, mpi_library()))
      return refuse(cluster, *problem);
    const auto note = start_note(before_init, mpi_library());
    if (note && cluster.rank <= 0) print_line(*note);
    return run_with_mpi(argc, argv, before_init, cluster, body, options);
  } catch (const Error& e) {
    print_line(fmt::format("error: {}", e.what()));
    return exit_code::error;
  }
}

}  // namespace

int run_on_ranks(int argc, char** argv, const std::function<int(Communicator&)>& body,
                 const SessionOptions& options) {
  const int code = run_session(argc, argv, body, options);
  leave_code(code);
  return code;
}

}  // namespace ijepa
