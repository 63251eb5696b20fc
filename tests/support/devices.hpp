// The devices of this build and machine: every test of an operation or layer runs on each of them.
#pragma once
#include <vector>

#include "ijepa/device/device.hpp"

namespace ijepa::test {

inline std::vector<DeviceOptions> available_devices() {
  return {{"cpu", 1}, {"cpu", 2}};
}

/// For the names of parameterised tests: letters, digits and underscores.
inline std::string test_name(const DeviceOptions& device) {
  return device.name + "_" + std::to_string(device.threads);
}

}  // namespace ijepa::test
