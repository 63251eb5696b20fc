// The CPU as a Device: host memory and CpuOps.
#pragma once
#include <memory>
#include <string>

#include "ijepa/device/device.hpp"

namespace ijepa::cpu {

/// `threads` 0: OMP_NUM_THREADS if that is set, else the cores this process may run on. `kernels`
/// as in DeviceOptions.
std::unique_ptr<Device> make_cpu_device(int threads, const std::string& kernels);

}  // namespace ijepa::cpu
