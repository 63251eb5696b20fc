// RankStep: a rank's part of one step, all but the pixels: masks, and the index lists and draws of
// each micro-batch. A pure function of recipe, step and rank.
#pragma once
#include <vector>

#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/step/engine.hpp"

namespace ijepa {

class RankStep {
 public:
  RankStep(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t step, int rank);

  const StepPlace& place() const { return place_; }
  const StepMasks& masks() const { return masks_; }
  int rank() const { return rank_; }
  std::int64_t micro_batches() const { return micro_batches_; }
  /// Of the pixels of a micro-batch, (micro_batch, H, W, C) of pixel_type(C).
  std::size_t micro_bytes() const { return micro_bytes_; }

  Part part(std::int64_t micro) const { return part_of(micro, micro_batches_); }
  TokenPlan token_plan(std::int64_t micro) const;
  /// `pixels` (micro_batch, H, W, C) of pixel_type(C) and `tokens`, the token_plan() of this
  /// micro-batch, are only pointed at.
  MicroBatch micro_batch(std::int64_t micro, std::span<const std::uint8_t> pixels,
                         const TokenPlan& tokens) const;

 private:
  std::uint64_t seed_;
  int rank_;
  std::int64_t image_tokens_, micro_batch_, micro_batches_;
  std::size_t micro_bytes_;
  StepPlace place_;
  StepMasks masks_;
  std::vector<std::int64_t> positions_;  // of this rank's images in the epoch's order
};

}  // namespace ijepa
