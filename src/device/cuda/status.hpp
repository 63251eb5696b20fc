// CUDA's status codes as errors: one sentence that says what was being done.
#pragma once
#include <cuda_runtime_api.h>

#include "ijepa/core/error.hpp"

namespace ijepa::cuda {

/// An Error naming `what` unless the status is success.
inline void check_cuda(cudaError_t status, const char* what) {
  check(status == cudaSuccess, "The GPU failed at {}: {}.", what, cudaGetErrorString(status));
}

}  // namespace ijepa::cuda
