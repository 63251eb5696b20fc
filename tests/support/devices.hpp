// The devices of this build and machine: every test of an operation or layer runs on each of them.
#pragma once
#include <string>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/device/device.hpp"

namespace ijepa::test {

/// What this processor can run of the CPU's kernels, and this build has.
inline std::vector<std::string> available_kernels() {
  if (!__builtin_cpu_supports("avx512vl")) return {"avx2"};
  if (!IJEPA_WITH_ONEDNN) return {"avx2", "avx512"};
  return {"avx2", "avx512", "onednn"};
}

inline std::vector<DeviceOptions> available_devices() {
#ifdef IJEPA_TEST_DEVICE
  return {{.name = IJEPA_TEST_DEVICE}};
#else
  std::vector<DeviceOptions> devices;
  for (const auto& kernels : available_kernels())
    for (const int threads : {1, 2})
      devices.push_back({.name = "cpu", .threads = threads, .cpu_kernels = kernels});
  return devices;
#endif
}

/// {"float16"} where this processor and this build have these kernels, else nothing. Their products
/// have fewer bits, so tests of what all others have in common do not run on them.
inline std::vector<std::string> float16_kernels() {
  try {
    make_device({"cpu", 1, "float16"});
    return {"float16"};
  } catch (const Error&) {
    return {};
  }
}

/// Both, for what bits have nothing to do with.
inline std::vector<std::string> all_kernels() {
  auto all = available_kernels();
  for (const auto& kernels : float16_kernels()) all.push_back(kernels);
  return all;
}

/// Where no GPU can be seen: part of the message that refuses the device "cuda".
constexpr const char* no_gpu_message =
    IJEPA_WITH_CUDA ? "This machine has no" : "this build has no CUDA";

/// GPUs have no float64 here: it serves gradient checks on the CPU.
inline bool computes(const DeviceOptions& device, DType type) {
  return type != DType::f64 || device.name == "cpu";
}

/// For the names of parameterised tests: letters, digits and underscores.
inline std::string test_name(const DeviceOptions& device) {
  return device.name + "_" + device.cpu_kernels + "_" + std::to_string(device.threads);
}

}  // namespace ijepa::test
