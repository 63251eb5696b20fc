// RunData: which images and masks a step of this rank consists of. All of it follows from the seed,
// the step and the rank's share of the global batch.
#pragma once
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ijepa/data/loading/loader.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/model/masks.hpp"
#include "ijepa/model/token_plan.hpp"
#include "ijepa/train/health/health_monitor.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// A step's place in the run.
struct StepPlace {
  std::int64_t step = 0, epoch = 0, iteration = 0;  // all from 0
  std::int64_t batch_position = 0;                  // the global batch's first in the epoch's order
};
StepPlace place_of(std::int64_t step, std::int64_t steps_per_epoch, std::int64_t global_batch);

/// Masks of this rank's images of a step.
struct StepMasks {
  std::vector<ImageMasks> images;
  std::int64_t dropped_constraints = 0;
  double loss_scale = 0;                         // 1 / target elements of the global batch
  double context_tokens = 0, target_tokens = 0;  // mean length here
  bool pixels_only = false;
  PredictorSequences sequences = PredictorSequences::one_a_block;

  /// Index lists of micro-batch `micro` of `count` images.
  TokenPlan token_plan(std::int64_t micro, std::int64_t count, std::int64_t tokens) const;
};
StepMasks draw_step_masks(const PretrainRecipe& recipe, const RunPlan& plan, const StepPlace& place,
                          int rank);

/// How the recipe's images are read and augmented.
LoaderOptions loader_options(const PretrainRecipe& recipe);

/// The micro-batches of a rank, those of `step` first; those of `steps` steps, or of all that
/// follow.
std::unique_ptr<Loader> training_loader(const PretrainRecipe& recipe, const RunPlan& plan,
                                        const ShardSet& shards, int rank, std::int64_t step,
                                        const Log& log,
                                        std::optional<std::int64_t> steps = std::nullopt);

/// The health monitor of a run, on the evaluation views of data.valid_shards, or of `train` without
/// them; none where the recipe asks for none, or has too few images.
std::optional<HealthMonitor> health_monitor_of(const PretrainRecipe& recipe, const ShardSet& train,
                                               const RunPlan& plan);

}  // namespace ijepa
