// GradSync: sums the flat gradient over ranks while backward is still running. Parameters lie in
// forward order and backward finishes them from the end, so "what is ready" is one falling offset.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/comm/bucket_reducer.hpp"

namespace ijepa {

struct GradSyncOptions {
  std::int64_t bucket_bytes = std::int64_t{25} << 20;
  /// The bucket at the end of the buffer: small, so that communication starts early.
  std::int64_t first_bucket_bytes = std::int64_t{1} << 20;
};

class GradSync {
 public:
  /// `gradient` (n) float32 or float64, the sum over ranks after finish(). Bucket boundaries are
  /// fixed here, so what is summed together never depends on timing.
  GradSync(BucketReducer& reducer, Tensor gradient, const GradSyncOptions& options = {});

  /// Elements at `offset` and above are final in this step; the offset falls from call to call.
  void ready_down_to(std::int64_t offset);
  /// Sends what is left; what the device is given from now on sees the sums, and the next step may
  /// begin. Without ready_down_to() before it (gradient accumulation needs none), nothing overlaps.
  void finish();

  /// Seconds that the host waited in the last finish(): communication that backward did not hide.
  /// About 0 on GPUs, whose streams wait instead.
  double exposed_seconds() const { return exposed_seconds_; }
  std::int64_t bucket_count() const { return static_cast<std::int64_t>(starts_.size()); }

 private:
  BucketReducer& reducer_;
  Tensor gradient_;
  std::vector<std::int64_t> starts_;  // first element of each bucket, falling; the last is 0
  std::size_t sent_ = 0;              // buckets of this step
  std::int64_t ready_;                // elements from here on are final
  double exposed_seconds_ = 0;
};

}  // namespace ijepa
