// Slices: which positions of which epoch each batch of a rank holds, as pure functions of the
// batch's number. Resuming at a step is starting at its first batch.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>

namespace ijepa {

/// A run of positions in the order of an epoch: what one micro-batch holds.
struct Slice {
  std::int64_t step = 0, epoch = 0;
  std::int64_t first = 0, count = 0;  // positions
  bool operator==(const Slice&) const = default;
};

/// The slice of batch `number` = 0, 1, ...; nothing behind the last one. Must be pure.
using SliceSchedule = std::function<std::optional<Slice>(std::int64_t number)>;

/// Training: every step takes `global_batch` consecutive positions of an epoch, of which each rank
/// owns a contiguous share, cut into micro-batches. What is left of an epoch is dropped.
struct TrainSchedule {
  std::int64_t images = 0, global_batch = 0;
  std::int64_t micro_batch = 0;  // at most; the last one of a step may be shorter
  std::int64_t rank = 0, ranks = 1;

  /// An Error if an epoch has no step, or a rank no image.
  void check_possible() const;
  std::int64_t steps_per_epoch() const { return images / global_batch; }
  std::int64_t share_begin() const { return global_batch * rank / ranks; }
  std::int64_t share_end() const { return global_batch * (rank + 1) / ranks; }
  /// Batches this rank is given a step; batch `number` belongs to step number / micro_batches().
  std::int64_t micro_batches() const;
  std::optional<Slice> operator()(std::int64_t number) const;
};

/// Evaluation: images 0 .. n-1 once, each rank a contiguous share, the last batch shorter.
struct EvaluationSchedule {
  std::int64_t images = 0, batch = 0;
  std::int64_t rank = 0, ranks = 1;

  void check_possible() const;
  std::int64_t share_begin() const { return images * rank / ranks; }
  std::int64_t share_end() const { return images * (rank + 1) / ranks; }
  std::optional<Slice> operator()(std::int64_t number) const;
};

}  // namespace ijepa
