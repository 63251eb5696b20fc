#include "ijepa/comm/session.hpp"

#include <fcntl.h>
#include <mpi.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <exception>
#include <new>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/watch.hpp"
#include "mpi_communicator.hpp"
#include "start_notice.hpp"

namespace ijepa {
namespace {

constexpr unsigned abort_seconds = 20;

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
  print_line(fmt::format("error on rank {} of {} ({}): {}", comm.rank(), comm.size(), host_name(),
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

/// Unconnected ranks all believe to be the first: the launcher's number picks one speaker.
int refuse(const Cluster& cluster, const std::string& problem) {
  if (cluster.rank <= 0) print_line("error: " + problem);
  return exit_code::error;
}

int run_checked(const Environment& before_init, const std::function<int(Communicator&)>& body) {
  int world = 1;
  MPI_Comm_size(MPI_COMM_WORLD, &world);
  const Cluster cluster = parse_cluster(before_init);
  if (const auto problem = launch_problem(cluster, world)) return refuse(cluster, *problem);
  const auto comm = world == 1 ? local_communicator() : mpi_communicator();
  // A program that tells its progress sets limits of its own; others are not judged by it.
  comm->activity().set_limits({.standstill = 0, .stop_grace = 0, .on_hang = {}});
  const Watch watch(*comm);
  return run_body(*comm, body);
}

int run_session(int argc, char** argv, const std::function<int(Communicator&)>& body,
                const SessionOptions& options) {
  // MPI_Init writes launcher variables of its own, so what the launcher said is read first.
  const Environment before_init = process_environment();
  try {
    if (const auto problem = start_problem(before_init, mpi_library()))
      return refuse(parse_cluster(before_init), *problem);
  } catch (const Error& e) {
    print_line(fmt::format("error: {}", e.what()));
    return exit_code::error;
  }
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
      code = run_checked(before_init, body);
    } catch (const Error& e) {
      print_line(fmt::format("error: {}", e.what()));
    }
  }
  MPI_Finalize();
  return code;
}

}  // namespace

int run_on_ranks(int argc, char** argv, const std::function<int(Communicator&)>& body,
                 const SessionOptions& options) {
  const int code = run_session(argc, argv, body, options);
  leave_code(code);
  return code;
}

}  // namespace ijepa
