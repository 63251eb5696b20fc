// Device memory that is given back when its owner goes.
#pragma once
#include <cstddef>

#include "status.hpp"

namespace ijepa::cuda {

struct GpuRoom {
  std::size_t free, total;
};
GpuRoom free_on_gpu();

/// An Error that says how much is free when there is not enough.
void* allocate_on_gpu(std::size_t bytes);

struct DeviceMemory {
  void* data;
  explicit DeviceMemory(std::size_t bytes) : data(allocate_on_gpu(bytes)) {}
  ~DeviceMemory() { cudaFree(data); }
  DeviceMemory(const DeviceMemory&) = delete;
  DeviceMemory& operator=(const DeviceMemory&) = delete;
};

}  // namespace ijepa::cuda
