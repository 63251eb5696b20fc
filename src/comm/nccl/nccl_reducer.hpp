// NcclReducer: sums gradients between GPUs by NCCL on a stream of its own. The streams wait for
// each other by events; the host does not wait.
#pragma once
#include <chrono>
#include <memory>

#include "ijepa/comm/bucket_reducer.hpp"

namespace ijepa::nccl {

struct NcclOptions {
  /// For connecting all ranks.
  std::chrono::milliseconds connect_timeout = std::chrono::minutes(5);
  /// From the first sum of a step to settle(): a rank that never comes would be waited for for
  /// ever.
  std::chrono::milliseconds sum_timeout = std::chrono::minutes(10);
};

/// Collective. `compute_stream` is the cudaStream_t whose work the sums follow. float32 only. An
/// AgreedError when NCCL is missing or too old on a rank, or the ranks do not connect in time.
std::unique_ptr<BucketReducer> make_nccl_reducer(Communicator& comm, void* compute_stream,
                                                 const NcclOptions& options = {});

}  // namespace ijepa::nccl
