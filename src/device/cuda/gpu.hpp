// One kernel source, two compilers: nvcc, and the host compiler over an emulation of the CUDA
// language (tests/support/cuda_emulation). This file alone knows which of them reads it.
#pragma once
#include <source_location>

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_runtime.h>
#else
#include <cuda_emulation.hpp>
#endif

#include "ijepa/core/scalar.hpp"
#include "status.hpp"

namespace ijepa::cuda {

/// Shape of a launch. Shared memory is always asked for here, in bytes.
struct Launch {
  dim3 blocks, threads;
  std::size_t shared_bytes;
  cudaStream_t stream;
  std::source_location where = std::source_location::current();
};

template <class... Parameters, class... Arguments>
void launch(const Launch& at, void (*kernel)(Parameters...), Arguments... arguments) {
#ifdef __CUDACC__
  kernel<<<at.blocks, at.threads, at.shared_bytes, at.stream>>>(
      static_cast<Parameters>(arguments)...);
  check_cuda(cudaGetLastError(), at.where.function_name());
#else
  emulation::launch({at.blocks, at.threads, at.shared_bytes}, at.stream, at.where,
                    [=] { kernel(static_cast<Parameters>(arguments)...); });
#endif
}

/// The shared memory of this block.
template <class T>
__device__ __forceinline__ T* shared_memory() {
#ifdef __CUDACC__
  extern __shared__ __align__(16) unsigned char block_memory[];
  return reinterpret_cast<T*>(block_memory);
#else
  return static_cast<T*>(emulation::shared_memory());
#endif
}

__device__ __forceinline__ float to_float(float x) {
  return x;
}
__device__ __forceinline__ float to_float(BFloat16 x) {
  return static_cast<float>(x);
}

/// Rounds to nearest even; on the device in one instruction.
template <class T>
__device__ __forceinline__ T from_float(float x) {
  if constexpr (std::is_same_v<T, float>) {
    return x;
  } else {
#ifdef __CUDA_ARCH__
    BFloat16 y;
    y.bits = __bfloat16_as_ushort(__float2bfloat16_rn(x));
    return y;
#else
    return BFloat16(x);
#endif
  }
}

}  // namespace ijepa::cuda
