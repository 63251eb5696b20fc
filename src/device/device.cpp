// make_device: the only place that knows which devices this build has.
#include "ijepa/device/device.hpp"

#include "cpu/cpu_device.hpp"
#include "cuda/cuda_device.hpp"

namespace ijepa {

std::unique_ptr<Device> make_device(const DeviceOptions& options) {
  if (options.name == "cpu") return cpu::make_cpu_device(options.threads, options.cpu_kernels);
  if (options.name == "cuda" || options.name.starts_with("cuda:"))
    return cuda::make_cuda_device(options);
  fail("The device \"{}\" is unknown: use \"cpu\", \"cuda\" or \"cuda:N\".", options.name);
}

}  // namespace ijepa
