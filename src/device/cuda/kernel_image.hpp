// Whether this build has machine code, or PTX that the driver can compile, for the chosen GPU.
#pragma once
#include <cuda_runtime_api.h>

namespace ijepa::cuda {

/// cudaErrorNoKernelImageForDevice: it has none, and every kernel would fail.
cudaError_t kernel_image_status();

}  // namespace ijepa::cuda
