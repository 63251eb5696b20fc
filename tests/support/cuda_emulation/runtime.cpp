// The rest of the CUDA runtime functions that the backend calls: memory, copies, the device.
#include <cstring>

#include "control.hpp"
#include "internal.hpp"
#include "memory.hpp"

namespace emulation {

Stats& stats() {
  static Stats counts;
  return counts;
}

Machine& machine() {
  static Machine here;
  return here;
}

}  // namespace emulation

using namespace emulation;

namespace {

std::size_t live_bytes = 0;

}  // namespace

extern "C" {

cudaError_t cudaMalloc(void** out, std::size_t bytes) {
  *out = nullptr;
  if (live_bytes + bytes > machine().memory) return cudaErrorMemoryAllocation;
  *out = allocate_device(bytes);
  live_bytes += find_allocation(*out)->bytes;
  return cudaSuccess;
}

cudaError_t cudaFree(void* p) {
  if (p == nullptr) return cudaSuccess;
  drain_all();
  const Allocation* a = find_allocation(p);
  if (a != nullptr && a->live) live_bytes -= a->bytes;
  free_device(p);
  return cudaSuccess;
}

cudaError_t cudaMallocHost(void** out, std::size_t bytes) {
  *out = allocate_pinned(bytes);
  return cudaSuccess;
}

cudaError_t cudaFreeHost(void* p) {
  drain_all();
  free_pinned(p);
  return cudaSuccess;
}

/// Copies from pageable memory would stop the host on a real device, so they are refused. The
/// host's target of a download is poisoned until the copy has run.
cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t s) {
  if (kind == cudaMemcpyHostToDevice && !is_pinned(from, bytes))
    fail("a copy of %zu bytes to the device from memory that is not pinned", bytes);
  if (kind == cudaMemcpyDeviceToHost) std::memset(to, 0xff, bytes);
  enqueue("copy", s, Where::current(), [=] {
    if (kind != cudaMemcpyHostToDevice) check_range(from, bytes, false);
    if (kind != cudaMemcpyDeviceToHost) check_range(to, bytes, true);
    std::memcpy(to, from, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaMemsetAsync(void* p, int value, std::size_t bytes, cudaStream_t s) {
  enqueue("memset", s, Where::current(), [=] {
    check_range(p, bytes, true);
    std::memset(p, value, bytes);
  });
  return cudaSuccess;
}

cudaError_t cudaGetLastError() {
  return cudaSuccess;
}

const char* cudaGetErrorString(cudaError_t status) {
  return status == cudaErrorMemoryAllocation ? "out of memory" : "an emulated error";
}

cudaError_t cudaGetDeviceCount(int* count) {
  *count = machine().devices;
  return machine().count_status;
}

cudaError_t cudaSetDevice(int) {
  return cudaSuccess;
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  *properties = {};
  properties->uuid.bytes[0] = static_cast<char>(device + 1);
  std::strcpy(properties->name, machine().name);
  properties->major = machine().major;
  properties->minor = machine().minor;
  properties->totalGlobalMem = machine().memory;
  return cudaSuccess;
}

cudaError_t cudaFuncGetAttributes(cudaFuncAttributes* attributes, const void*) {
  *attributes = {};
  return machine().kernel_image;
}

cudaError_t cudaMemGetInfo(std::size_t* unused, std::size_t* total) {
  *total = machine().memory;
  *unused = *total - live_bytes;
  return cudaSuccess;
}

cudaError_t cudaDriverGetVersion(int* version) {
  *version = machine().driver;
  return cudaSuccess;
}
}
