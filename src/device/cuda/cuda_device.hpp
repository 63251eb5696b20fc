// A GPU as a Device: its memory, one stream and CudaOps.
#pragma once
#include <memory>
#include <string>

#include "ijepa/device/device.hpp"

namespace ijepa::cuda {

/// `options.name` is "cuda" (the first GPU) or "cuda:N". An Error in one sentence where this
/// machine has no such GPU, its driver is too old, or the GPU is older than compute capability 8.0.
std::unique_ptr<Device> make_cuda_device(const DeviceOptions& options);

}  // namespace ijepa::cuda
