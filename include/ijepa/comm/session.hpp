// Session: the frame of a program that runs on ranks. It starts and ends MPI and makes sure that an
// error on any rank ends the whole job with that rank's message, because the others would wait for
// it for ever.
#pragma once
#include <functional>

#include "ijepa/comm/communicator.hpp"

namespace ijepa {

struct SessionOptions {
  /// Until a node says that it waits for MPI to start; then after twice the time, and so on.
  double start_notice_seconds = 30;
  /// After which a start that does not come about is given up (exit_code::hung).
  double start_limit_seconds = 900;
};

/// Initialises MPI where the launcher started more than one rank, checks that the launcher
/// connected the ranks it started (start_problem() and launch_problem() in cluster.hpp), runs
/// `body` on every rank and returns the exit code for main(): that of the body, or one of
/// exit_codes.hpp. An AgreedError is printed once; any other exception is printed with rank and
/// host, and the job is aborted. A Watch (watch.hpp) runs beside the body. Each rank adds its code
/// as a line to the file IJEPA_RANK_CODES.
int run_on_ranks(int argc, char** argv, const std::function<int(Communicator&)>& body,
                 const SessionOptions& options = {});

}  // namespace ijepa
