// InputCopies: host data for steps to come goes to the device on a stream of its own, beside the
// computation on the data before. Two device buffers take turns; events order both directions.
#pragma once
#include <array>

#include "staging.hpp"
#include "stream.hpp"

namespace ijepa::cuda {

class InputCopies {
 public:
  explicit InputCopies(std::size_t half_bytes) : staging_(half_bytes) {}

  /// Copies to `device`, which no work given to `compute` since the last call may use. Work given
  /// to it afterwards waits for the copy, and the copy for all work given to it before the last
  /// call.
  void upload(const void* host, void* device, std::size_t bytes, cudaStream_t compute);

 private:
  Stream stream_;
  Staging staging_;
  Event copied_;
  std::array<Event, 2> read_;  // marks the end of the work on each turn's buffer
  std::size_t turn_ = 0;
};

}  // namespace ijepa::cuda
