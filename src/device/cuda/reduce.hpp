// Sums over the threads of a warp or a block, always in the same order.
#pragma once
#include "gpu.hpp"

namespace ijepa::cuda {

constexpr unsigned all_lanes = 0xffffffffU;

/// Every lane gets the sum.
template <class T>
__device__ __forceinline__ T warp_sum(T x) {
#pragma unroll
  for (int step = 16; step > 0; step /= 2) x += __shfl_xor_sync(all_lanes, x, step);
  return x;
}

/// Every thread gets the sum. `parts` is shared memory for one value a warp, used once a kernel;
/// the block is one row of whole warps.
template <class T>
__device__ __forceinline__ T block_sum(T x, T* parts) {
  x = warp_sum(x);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (lane == 0) parts[warp] = x;
  __syncthreads();
  return warp_sum(lane < blockDim.x / 32 ? parts[lane] : T(0));
}

}  // namespace ijepa::cuda
