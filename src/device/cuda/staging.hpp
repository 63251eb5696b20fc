// Staging: pinned memory through which data goes to the device, so that an upload neither waits for
// the device nor needs its source afterwards, and comes from it, which is quicker than to other
// memory.
#pragma once
#include <cuda_runtime_api.h>

#include <array>
#include <cstddef>

namespace ijepa::cuda {

/// Two halves, filled in turn. The host waits only when it comes back to a half whose copies have
/// not been made yet.
class Staging {
 public:
  explicit Staging(std::size_t half_bytes);
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  /// All calls are for one stream.
  void upload(const void* host, void* device, std::size_t bytes, cudaStream_t stream);
  /// Waits until the data is there: one half is read while the other is filled.
  void download(const void* device, void* host, std::size_t bytes, cudaStream_t stream);

 private:
  struct Half {
    std::byte* memory = nullptr;
    cudaEvent_t copied = nullptr;
  };
  void turn_over(cudaStream_t stream);

  std::size_t half_bytes_, used_ = 0;
  std::size_t current_ = 0;
  std::array<Half, 2> halves_;
};

}  // namespace ijepa::cuda
