#include "ijepa/device/gpus.hpp"

#include <cuda_runtime.h>
#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace ijepa {

int visible_gpus() {
  int count = 0;
  return cudaGetDeviceCount(&count) == cudaSuccess ? count : 0;
}

std::string gpu_identity(int number) {
  cudaDeviceProp properties{};
  if (cudaGetDeviceProperties(&properties, number) != cudaSuccess) return {};
  const std::span<const char> bytes(properties.uuid.bytes);
  if (std::all_of(bytes.begin(), bytes.end(), [](char b) { return b == 0; })) return {};
  std::string text = "GPU-";
  for (const char b : bytes) text += fmt::format("{:02x}", static_cast<unsigned char>(b));
  return text;
}

}  // namespace ijepa
