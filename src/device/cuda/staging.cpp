#include "staging.hpp"

#include <algorithm>
#include <cstring>

#include "status.hpp"

namespace ijepa::cuda {

Staging::Staging(std::size_t half_bytes) : half_bytes_(half_bytes) {
  for (Half& half : halves_) {
    void* memory = nullptr;
    check_cuda(cudaMallocHost(&memory, half_bytes), "taking pinned memory");
    half.memory = static_cast<std::byte*>(memory);
    check_cuda(cudaEventCreateWithFlags(&half.copied, cudaEventDisableTiming), "making an event");
  }
}

Staging::~Staging() {
  for (const Half& half : halves_) {
    cudaFreeHost(half.memory);
    cudaEventDestroy(half.copied);
  }
}

void Staging::upload(const void* host, void* device, std::size_t bytes, cudaStream_t stream) {
  const auto* from = static_cast<const std::byte*>(host);
  auto* to = static_cast<std::byte*>(device);
  while (bytes > 0) {
    if (used_ == half_bytes_) turn_over(stream);
    const std::size_t part = std::min(bytes, half_bytes_ - used_);
    std::byte* staged = halves_[current_].memory + used_;
    std::memcpy(staged, from, part);
    check_cuda(cudaMemcpyAsync(to, staged, part, cudaMemcpyHostToDevice, stream), "an upload");
    used_ += part;
    from += part;
    to += part;
    bytes -= part;
  }
}

void Staging::download(const void* device, void* host, std::size_t bytes, cudaStream_t stream) {
  // Uploads may be on their way out of the halves; a download waits for them in any case.
  check_cuda(cudaStreamSynchronize(stream), "work before a download");
  used_ = 0;
  const auto* from = static_cast<const std::byte*>(device);
  auto* to = static_cast<std::byte*>(host);
  const std::size_t parts = (bytes + half_bytes_ - 1) / half_bytes_;
  const auto size = [&](std::size_t i) { return std::min(half_bytes_, bytes - i * half_bytes_); };
  for (std::size_t i = 0; i <= parts; ++i) {
    if (i < parts) {
      const Half& half = halves_[i % 2];
      check_cuda(cudaMemcpyAsync(half.memory, from + i * half_bytes_, size(i),
                                 cudaMemcpyDeviceToHost, stream),
                 "a download");
      check_cuda(cudaEventRecord(half.copied, stream), "recording an event");
    }
    if (i == 0) continue;
    const Half& before = halves_[(i - 1) % 2];
    check_cuda(cudaEventSynchronize(before.copied), "a download");
    std::memcpy(to + (i - 1) * half_bytes_, before.memory, size(i - 1));
  }
}

void Staging::turn_over(cudaStream_t stream) {
  check_cuda(cudaEventRecord(halves_[current_].copied, stream), "recording an event");
  current_ = 1 - current_;
  used_ = 0;
  check_cuda(cudaEventSynchronize(halves_[current_].copied), "waiting for uploads");
}

}  // namespace ijepa::cuda
