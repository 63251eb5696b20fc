// What the parts of the CUDA emulation share: the operation that runs, and how a fault is told.
#pragma once
#include <cstdint>
#include <functional>
#include <vector>

#include "cuda_emulation.hpp"

namespace emulation {

/// For each stream the newest operation that is known to have happened before.
using Clock = std::vector<std::uint32_t>;

struct Operation {
  std::function<void()> run;
  Clock host;  // what the host had waited for when it enqueued this
  const char* kind = "";
  Where where;
};

/// The operation that runs now, and where in a kernel it is.
struct Running {
  const Operation* operation = nullptr;
  unsigned stream = 0, sequence = 0;
  Clock* clock = nullptr;
  bool in_kernel = false, in_atomic = false;
  std::uint32_t block = 0, block_phase = 0, thread = 0;
  std::uint32_t warp_phase[32] = {};
};
inline Running running;

struct SharedMemory {
  static constexpr std::size_t capacity = 48 * 1024, canary = 64;
  char* base = nullptr;
  std::size_t used = 0;
};
inline SharedMemory shared;

/// Prints what went wrong, in which operation, block and thread, and ends the process with 99.
[[noreturn]] void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

std::uint32_t random_below(std::uint32_t n);
void run_grid(const Grid& grid, const std::function<void()>& body);
uint3 thread_index(std::uint32_t thread);
bool is_stack_guard(const char* p);

// ---- streams.cpp ----
/// Runs operations of random streams until all are done, or one stream or event is.
void drain_all();

// ---- checker.cpp ----
/// Forgets the history of device memory that was given back, and of shared memory before a block.
void check_freed(const void* p, std::size_t bytes);
void check_block_start();

}  // namespace emulation
