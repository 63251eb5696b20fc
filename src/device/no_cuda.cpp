// What stands in for src/device/cuda in a build without CUDA.
#include "cuda/cuda_device.hpp"
#include "ijepa/device/gpus.hpp"

namespace ijepa::cuda {

std::unique_ptr<Device> make_cuda_device(const DeviceOptions& options) {
  fail(
      "The device \"{}\" was asked for, but this build has no CUDA: configure it with "
      "-DIJEPA_CUDA=ON, or set device to \"cpu\".",
      options.name);
}

}  // namespace ijepa::cuda

namespace ijepa {

int visible_gpus() {
  return 0;
}

std::string gpu_identity(int) {
  return {};
}

}  // namespace ijepa
