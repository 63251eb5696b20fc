#include "device_memory.hpp"

#include <algorithm>

namespace ijepa::cuda {

GpuRoom free_on_gpu() {
  GpuRoom room{};
  check_cuda(cudaMemGetInfo(&room.free, &room.total), "asking for free memory");
  return room;
}

void* allocate_on_gpu(std::size_t bytes) {
  void* memory = nullptr;
  const cudaError_t status = cudaMalloc(&memory, std::max<std::size_t>(bytes, 1));
  if (status == cudaErrorMemoryAllocation) {
    cudaGetLastError();  // the next launch would report it again
    constexpr double gib = 1024.0 * 1024 * 1024;
    const GpuRoom room = free_on_gpu();
    fail("The GPU has not enough memory for another {:.2f} GiB: {:.2f} of {:.2f} GiB are free.",
         static_cast<double>(bytes) / gib, static_cast<double>(room.free) / gib,
         static_cast<double>(room.total) / gib);
  }
  check_cuda(status, "taking memory");
  return memory;
}

}  // namespace ijepa::cuda
