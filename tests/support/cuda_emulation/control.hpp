// What tests set and ask of the CUDA emulation.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

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

}  // namespace emulation
