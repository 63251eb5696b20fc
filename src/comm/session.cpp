#include "ijepa/comm/session.hpp"

#include <fcntl.h>
#include <mpi.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <new>
#include <thread>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/watch.hpp"
#include "mpi_communicator.hpp"

namespace ijepa {
namespace {

constexpr unsigned abort_seconds = 20;

void print(const std::string& text) {
  const std::string line = text + "\n";
  // A closed standard error leaves nobody to tell; the exit code remains.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

/// MPI cannot say for which ranks it waits before it runs. So the first rank of each node says that
/// it waits: the nodes that are not heard are those to look at.
class StartNotice {
 public:
  StartNotice(const Environment& environment, const SessionOptions& options) {
    thread_ = std::thread([this, environment, options] { wait(environment, options); });
  }
  ~StartNotice() {
    {
      const std::lock_guard lock(mutex_);
      started_ = true;
    }
    wake_.notify_one();
    thread_.join();
  }
  StartNotice(const StartNotice&) = delete;
  StartNotice& operator=(const StartNotice&) = delete;

 private:
  void wait(const Environment& environment, const SessionOptions& options) {
    const auto begin = std::chrono::steady_clock::now();
    std::unique_lock lock(mutex_);
    for (double seconds = options.start_notice_seconds; seconds > 0; seconds *= 2) {
      const auto until =
          begin + std::chrono::duration<double>(std::min(seconds, options.start_limit_seconds));
      if (wake_.wait_until(lock, until, [this] { return started_; })) return;
      say(environment, std::min(seconds, options.start_limit_seconds));
      if (seconds < options.start_limit_seconds) continue;
      print("error: MPI did not start; the job is given up.");
      ::_exit(exit_code::hung);
    }
  }
  static void say(const Environment& environment, double seconds) try {
    const Cluster cluster = parse_cluster(environment);
    if (cluster.local_rank > 0) return;
    print(fmt::format(
        "rank {} on {} has been waiting for {:.0f} s for MPI to connect all {} ranks: nodes that "
        "do not say so hold it up.",
        std::max(cluster.rank, 0), host_name(), seconds, cluster.ranks));
  } catch (const Error&) {
    // The same error is reported once MPI runs.
  }

  std::mutex mutex_;
  std::condition_variable wake_;
  bool started_ = false;
  std::thread thread_;
};
/// Launchers report one code for all ranks, and that of ranks which they kill because another failed
/// is as good as any. A script that has to know names a file; the ranks leave theirs there.
void leave_code(int code) {
  const char* path = std::getenv("IJEPA_EXIT_CODES");
  if (path == nullptr || code == 0) return;
  const int file = ::open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
  if (file < 0) return;
  const std::string line = std::to_string(code) + "\n";
  // A full disk: the script goes by the launcher's code then.
  [[maybe_unused]] const auto written = ::write(file, line.data(), line.size());
  ::close(file);
}

std::string message_of(const std::exception_ptr& error) {
  try {
    std::rethrow_exception(error);
  } catch (const std::bad_alloc&) {
    return "Out of memory.";
  } catch (const std::exception& e) {
    return e.what();
  } catch (...) {
    return "An exception of an unknown type was thrown.";
  }
}

[[noreturn]] void abort_job(const Communicator& comm, const std::string& message) {
  print(fmt::format("error on rank {} of {} ({}): {}", comm.rank(), comm.size(), host_name(),
                    message));
  leave_code(exit_code::error);
  // MPI_Abort is called beside a thread that may sit inside a collective. Should it block, the
  // alarm ends this process, and the launcher then ends the job.
  ::alarm(abort_seconds);
  MPI_Abort(MPI_COMM_WORLD, exit_code::error);
  ::_exit(exit_code::error);
}

int run_body(Communicator& comm, const std::function<int(Communicator&)>& body) {
  try {
    return body(comm);
  } catch (const AgreedError& e) {
    if (comm.rank() == 0) print(fmt::format("error: {}", e.what()));
    return e.code();
  } catch (...) {
    const auto message = message_of(std::current_exception());
    if (comm.size() > 1) abort_job(comm, message);
    print(fmt::format("error: {}", message));
  }
  return exit_code::error;
}

std::string mpi_library() {
  std::array<char, MPI_MAX_LIBRARY_VERSION_STRING> text{};
  int length = 0;
  MPI_Get_library_version(text.data(), &length);
  return text.data();
}

/// Unconnected ranks all believe to be the first: the launcher's number picks one speaker.
int refuse(const Cluster& cluster, const std::string& problem) {
  if (cluster.rank <= 0) print("error: " + problem);
  return exit_code::error;
}

int run_checked(const Environment& before_init, const std::function<int(Communicator&)>& body) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  const Cluster cluster = parse_cluster(before_init);
  if (const auto problem = launch_problem(cluster, world)) return refuse(cluster, *problem);
  const auto comm = world == 1 ? local_communicator() : mpi_communicator();
  const Watch watch(*comm);
  return run_body(*comm, body);
}

}  // namespace

int run_on_ranks(int argc, char** argv, const std::function<int(Communicator&)>& body,
                 const SessionOptions& options) {
  // MPI_Init writes launcher variables of its own, so what the launcher said is read first.
  const Environment before_init = process_environment();
  try {
    if (const auto problem = start_problem(before_init, mpi_library()))
      return refuse(parse_cluster(before_init), *problem);
  } catch (const Error& e) {
    print(fmt::format("error: {}", e.what()));
    return exit_code::error;
  }
  int provided = MPI_THREAD_SINGLE;
  {
    const StartNotice notice(before_init, options);
    MPI_Init_thread(&argc, &argv, MPI_THREAD_SERIALIZED, &provided);
  }
  int code = exit_code::error;
  if (provided < MPI_THREAD_SERIALIZED) {
    print(
        "error: This MPI library lacks MPI_THREAD_SERIALIZED: use one built with thread support.");
  } else {
    try {
      code = run_checked(before_init, body);
    } catch (const Error& e) {
      print(fmt::format("error: {}", e.what()));
    }
  }
  MPI_Finalize();
  leave_code(code);
  return code;
}

}  // namespace ijepa
