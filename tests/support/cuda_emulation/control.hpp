// What tests set and ask of the CUDA emulation.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

#include "ijepa/comm/communicator.hpp"

namespace emulation {

/// Chooses the order of threads, blocks and streams from here on.
void reseed(std::uint64_t seed);
/// True in the build that looks at every access: races, bounds, uninitialised reads.
bool checks_races();

struct Stats {
  std::uint64_t launches = 0, threads = 0, operations = 0, allocations = 0;
  std::uint64_t waits = 0;  // times the host waited for a stream or an event
};
Stats& stats();

/// What the runtime says of this machine; the defaults are one device that works.
struct Machine {
  cudaError_t count_status = cudaSuccess;
  int devices = 1;
  int driver = CUDART_VERSION;
  int major = 8, minor = 0;
  std::size_t memory = std::size_t{1} << 33;
};
Machine& machine();

/// What the double of NCCL does; by default it works, once it has been given ranks.
struct Collectives {
  /// Carries the data between processes. The host must not use it while sums are under way.
  ijepa::Communicator* ranks = nullptr;
  bool installed = true;
  int version = 22809;
  bool connects = true;
  bool hangs = false;    // sums wait until they are aborted
  bool fails = false;    // an error of the network, seen while sums are under way
  int busy_answers = 3;  // "in progress" so often after each call
  std::uint64_t sums = 0, aborts = 0;
};
Collectives& collectives();

}  // namespace emulation
