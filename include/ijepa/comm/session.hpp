// Session: the frame of a program that runs on ranks. It starts and ends MPI and makes sure that an
// error on any rank ends the whole job with that rank's message, because the others would wait for
// it for ever.
#pragma once
#include <functional>

#include "ijepa/comm/communicator.hpp"

namespace ijepa {

/// Initialises MPI, checks that the launcher connected the ranks it started (start_problem() and
/// launch_problem() in cluster.hpp), runs `body` on every rank and returns the exit code for
/// main(): that of the body, or 1. An AgreedError is printed once; any other exception is printed
/// with rank and host, and the job is aborted. Each rank adds its code as a line to the file
/// IJEPA_RANK_CODES.
int run_on_ranks(int argc, char** argv, const std::function<int(Communicator&)>& body);

}  // namespace ijepa
