// What tests set and ask of the CUDA emulation.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <cstdint>
#include <map>
#include <set>
#include <vector>

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
  cudaError_t kernel_image = cudaSuccess;
  std::size_t memory = std::size_t{1} << 33;
  const char* name = "emulated GPU";
};
Machine& machine();

/// An algorithm of the double of cuBLASLt. All compute the same; the stream's clock goes on by the
/// time of the one that is run.
struct ProductAlgorithm {
  std::uint64_t id;
  double microseconds;
  std::size_t workspace = 0;
  std::uint32_t reduction = 0;      // a cublasLtReductionScheme_t
  std::uint32_t alignment = 1;      // bytes that the addresses of a, b and c are multiples of
  std::uint64_t rows_multiple = 1;  // what divides the rows of products that it takes
  bool starts = true;               // false: suggested, but refused when it is to run
};

/// What the double of cuBLASLt has, in the order in which it suggests, and what it was asked.
struct Products {
  std::size_t version = 130101;
  std::vector<ProductAlgorithm> algorithms{
      {.id = 7, .microseconds = 30}, {.id = 21, .microseconds = 20}, {.id = 5, .microseconds = 25}};
  double epilogue_microseconds = 0;             // that an epilogue adds to a product
  bool has_epilogues = true;                    // false: it suggests nothing for a product with one
  std::uint64_t suggestions = 0;                // calls that asked for them
  std::map<std::uint64_t, std::uint64_t> runs;  // products put on a stream, by algorithm
};
Products& products();

/// Shapes of attention: which the double of cuDNN computed, and which it was told of before.
struct Attention {
  /// Sequences, rows, rows that ask (0: all), heads, features, 1: backward.
  using Shape = std::array<std::int64_t, 6>;
  std::set<Shape> computed, prepared;
};
Attention& attention();

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
