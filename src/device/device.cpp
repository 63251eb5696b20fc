// make_device: the only place that knows which devices this build has.
#include "ijepa/device/device.hpp"

#include "cpu/cpu_device.hpp"

namespace ijepa {

std::unique_ptr<Device> make_device(const DeviceOptions& options) {
  if (options.name == "cpu") return cpu::make_cpu_device(options.threads, options.cpu_kernels);
  check(options.name != "cuda" && !options.name.starts_with("cuda:"),
        "The device \"{}\" was asked for, but this build has no CUDA: configure it with "
        "-DIJEPA_CUDA=ON, or set device to \"cpu\".",
        options.name);
  fail("The device \"{}\" is unknown: use \"cpu\", \"cuda\" or \"cuda:N\".", options.name);
}

}  // namespace ijepa
