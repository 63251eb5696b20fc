// The CUDA language for the host compiler: the names that kernels use, over fibers. Types and
// prototypes are those of the real runtime header; the functions are defined beside this file, and
// the CUDA runtime library is not linked.
#pragma once
#include <cuda_runtime_api.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <source_location>
#include <type_traits>

#undef __launch_bounds__
#undef __shared__
#undef __global__
#undef __device__
#undef __host__
#undef __forceinline__
#define __launch_bounds__(...)
// A static array cannot be poisoned with the rest of shared memory: kernels use gpu::shared_memory.
#define __shared__ static_assert(false, "use gpu::shared_memory");
#define __global__
#define __device__
#define __host__
#define __forceinline__ inline

// One host thread runs kernels at a time; the scheduler sets these at every switch.
inline uint3 threadIdx, blockIdx;
inline dim3 blockDim, gridDim;

namespace emulation {

using Where = std::source_location;

struct Grid {
  dim3 blocks, threads;
  std::size_t shared_bytes = 0;
};

/// Puts a kernel, or a library's work on device memory, at the end of a stream.
void launch(const Grid& grid, cudaStream_t stream, const Where& where, std::function<void()> body);
void enqueue(const char* what, cudaStream_t stream, const Where& where, std::function<void()> work);
/// For work put on a stream by enqueue(): the bytes it reads or writes, for the checker.
void check_range(const void* p, std::size_t bytes, bool write);
/// For the same: what it takes by the stream's clock, which events read. Nothing else takes time.
void take_time(double microseconds);

void* shared_memory();
void check_aligned(const void* p, std::size_t alignment);
void block_barrier(const Where& where);

enum class Collective : std::uint8_t { sync, shuffle };
/// Deposits 8 bytes, waits for the whole warp, returns the value of lane `source`.
std::uint64_t warp_collective(Collective kind, unsigned mask, std::uint64_t value, int source,
                              const Where& where);
void atomic_begin();
void atomic_end();

inline int lane() {
  return static_cast<int>((threadIdx.x + blockDim.x * (threadIdx.y + blockDim.y * threadIdx.z)) %
                          32);
}

}  // namespace emulation

inline void __syncthreads(emulation::Where where = emulation::Where::current()) {
  emulation::block_barrier(where);
}
inline void __syncwarp(unsigned mask = ~0U, emulation::Where where = emulation::Where::current()) {
  emulation::warp_collective(emulation::Collective::sync, mask, 0, 0, where);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int lane_mask,
                  emulation::Where where = emulation::Where::current()) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) <= 8);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = emulation::warp_collective(emulation::Collective::shuffle, mask, bits,
                                    emulation::lane() ^ lane_mask, where);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}
template <class T>
T atomicAdd(T* p, T value) {
  emulation::atomic_begin();
  const T old = *p;
  *p = old + value;
  emulation::atomic_end();
  return old;
}
