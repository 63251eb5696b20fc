#include "input_copies.hpp"

namespace ijepa::cuda {

void InputCopies::upload(const void* host, void* device, std::size_t bytes, cudaStream_t compute) {
  read_[1 - turn_].record(compute);  // what it has now is the last of the other turn's work
  read_[turn_].hold(stream_.handle);
  staging_.upload(host, device, bytes, stream_.handle);
  copied_.order(stream_.handle, compute);
  turn_ = 1 - turn_;
}

}  // namespace ijepa::cuda
