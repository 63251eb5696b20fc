// Feature batches: the global batches that heads learn from, of which each rank has some rows. A
// source gives features that are kept, or computes them anew of augmented pictures.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/core/permutation.hpp"
#include "ijepa/tasks/features/labelled.hpp"

namespace ijepa {

/// A set of `images` in which a random part, by the seed alone, is held out for validation.
class Split {
 public:
  /// The first `held` of a random order.
  Split(std::int64_t images, std::int64_t held, std::uint64_t seed)
      : order_(static_cast<std::uint64_t>(images), seed, Purpose::probe), held_(held) {}

  std::int64_t training_images() const { return static_cast<std::int64_t>(order_.size()) - held_; }
  /// Number of the image at `place` of the set among the training images; below 0: held out.
  std::int64_t number(std::int64_t place) const {
    return static_cast<std::int64_t>(order_.find(static_cast<std::uint64_t>(place))) - held_;
  }
  /// Place of training image `number`.
  std::int64_t place(std::int64_t number) const {
    return static_cast<std::int64_t>(order_(static_cast<std::uint64_t>(number + held_)));
  }

 private:
  Permutation order_;
  std::int64_t held_;
};

class FeatureBatches {
 public:
  struct Batch {
    std::vector<Matrix<float>> features;  // of each map, (n, D) of this rank
    std::vector<std::int32_t> labels;     // (n)
  };

  /// What does not fill a batch is left out, other images every epoch.
  FeatureBatches(std::int64_t images, std::int64_t batch)
      : batch_(batch), steps_per_epoch_(images / batch) {}
  virtual ~FeatureBatches() = default;

  std::int64_t batch() const { return batch_; }  // rows over all ranks
  std::int64_t steps_per_epoch() const { return steps_per_epoch_; }
  /// Of the first step, the second, ..., for as many epochs as are asked for.
  virtual const Batch& next() = 0;

 private:
  std::int64_t batch_, steps_per_epoch_;
};

/// Of features that are kept: each rank's rows of a batch are those of its share.
class KeptBatches final : public FeatureBatches {
 public:
  /// `sets`, one a map, must outlive the object; all have the rows of the first.
  KeptBatches(const std::vector<LabelledFeatures>& sets, const Split& split, std::int64_t batch,
              std::uint64_t seed);

  const Batch& next() override;

 private:
  void begin_epoch(std::int64_t epoch);

  const std::vector<LabelledFeatures>& sets_;
  Split split_;
  std::uint64_t seed_;
  std::int64_t step_ = 0;
  std::vector<std::vector<std::int64_t>> rows_;  // of this rank, of each step of the epoch
  Batch batch_rows_;
};

/// Rows `rows` of a set.
LabelledFeatures gather(const LabelledFeatures& set, const std::vector<std::int64_t>& rows);

}  // namespace ijepa
