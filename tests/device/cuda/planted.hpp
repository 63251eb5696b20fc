// Small kernels, each with a fault that can be switched on: what the CUDA emulation must catch.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>

namespace ijepa::test {

enum class Bug : std::uint8_t {
  none,
  read_before_barrier,
  write_before_barrier,
  divergent_barrier,
  lost_update,
  short_shared_memory,
  too_few_blocks,
  one_past_the_end,
  misaligned_load,
};

/// out[0] = sum of x, out[1] = sum of squares of x (128 elements), in one block.
void run_sums(cudaStream_t stream, Bug bug, const float* x, float* out);
/// count[0] += 1 from each of 8 blocks.
void run_count(cudaStream_t stream, Bug bug, float* count);
/// y = x, n elements, 64 a block and 8 a thread.
void run_copy(cudaStream_t stream, Bug bug, const float* x, float* y, std::int64_t n);

}  // namespace ijepa::test
