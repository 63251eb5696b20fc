// Schedule: learning rate, weight decay and momentum of the target encoder, as pure functions of
// the step, so that resuming needs nothing but the step number.
#pragma once
#include <cstdint>

#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// Steps count from 1: the first update of a run is step 1. Formulas as in the authors' release:
/// linear warm-up and cosine for the rate, cosine for the decay, linear momentum.
/// A run that is a masked autoencoder first has two parts of P and T - P steps, each with a warm-up
/// and a cosine of its own, in which s counts from its start and T is its length: what was learned
/// from pixels is a start, and the rate must be high to leave it.
class Schedule {
 public:
  Schedule(const OptimSettings& optim, std::int64_t steps_per_epoch, double pixel_epochs = 0);

  /// s < W: start + s / max(1, W) (lr - start); then the cosine of p = (s - W) / max(1, T - W),
  /// never below final_lr. W = warm-up steps, T = floor(ipe_scale epochs steps_per_epoch).
  double learning_rate(std::int64_t step) const;

  /// final + (start - final) (1 + cos(pi s / T)) / 2, never past final.
  double weight_decay(std::int64_t step) const;

  /// Of the update target = m target + (1 - m) context that follows the optimizer's step:
  /// ema_start at step 1, linear, never past ema_end. In the steps of pixels, where nobody looks at
  /// targets, ema_start.
  double momentum(std::int64_t step) const;

  /// floor(warmup_epochs steps_per_epoch).
  std::int64_t warmup_steps() const { return warmup_steps_; }
  /// P = floor(pixel_epochs steps_per_epoch).
  std::int64_t pixel_steps() const { return pixel_steps_; }

 private:
  /// A step in its part of the run.
  struct Place {
    std::int64_t step, length;
  };
  Place place_of(std::int64_t step) const;

  OptimSettings optim_;
  std::int64_t warmup_steps_, pixel_steps_, cosine_steps_;
  double momentum_steps_;
};

}  // namespace ijepa
