// BucketReducer: sums buckets of a gradient over ranks in the memory where the gradient lies,
// beside the backward pass that is still running. On the host the communicator sums, on GPUs NCCL
// does.
#pragma once
#include <memory>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/device/device.hpp"

namespace ijepa {

class BucketReducer {
 public:
  /// An exception that unwinds past the buffer first waits for sums that still write to it.
  virtual ~BucketReducer() = default;
  /// inout (n) = its sum over ranks, begun once the device has done what it was given before this
  /// call. Returns at once. Every rank makes the same calls in the same order.
  virtual void sum_async(Tensor inout) = 0;
  /// What the device is given after this call sees all sums.
  virtual void join() = 0;
  /// For after the host has waited for the device: an Error if a sum since the last call failed.
  virtual void settle() = 0;
};

/// Collective. An AgreedError when ranks on GPUs cannot be connected. `comm` and `device` must
/// outlive the reducer.
std::unique_ptr<BucketReducer> make_bucket_reducer(Communicator& comm, Device& device);

/// Sums in host memory, float32 or float64, by the communicator: always in rank order.
std::unique_ptr<BucketReducer> make_host_reducer(Communicator& comm);

}  // namespace ijepa
