// Engine: one rank's model on its device. All memory is taken at construction; a step is a row of
// micro-batches that add up, one gradient sum over the ranks, and one update.
#pragma once
#include <optional>
#include <span>
#include <vector>

#include "ijepa/device/device.hpp"
#include "ijepa/model/ijepa.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "ijepa/train/step/muon.hpp"
#include "ijepa/train/step/running_targets.hpp"
#include "ijepa/train/step/step_gradients.hpp"

namespace ijepa {

struct MicroBatch {
  std::span<const std::uint8_t> pixels;  // (B, H, W, C) of pixel_type(C)
  const TokenPlan& plan;
  DropPathDraw drop_path = {};
};

/// Sums over the global batch, the same on every rank.
struct StepSums {
  double loss = 0;
  double context_tokens = 0;                            // mean length of a context mask
  double encoder_gradient = 0, predictor_gradient = 0;  // Euclidean norms; of all but the encoder
  bool finite() const;
};

/// Which part of a step a micro-batch is: the first overwrites gradients, the last starts summing
/// them over ranks while backward still runs.
enum class Part : std::uint8_t { only, first, middle, last };
Part part_of(std::int64_t micro, std::int64_t micros);

class Engine {
 public:
  Engine(const PretrainRecipe& recipe, std::int64_t micro_batch, Device& device,
         Communicator& comm);

  /// Where pooled losses compare the images of a step: looks at a micro-batch ahead of its
  /// accumulate() or repeat(). All of a step must be seen first; accumulate() needs none of one
  /// that is the whole of a rank's batch. Collective in the last one.
  void survey(const MicroBatch& batch, Part part);
  bool surveys() const { return most_micros_ > 1 && model_.loss().pooled(); }
  /// One micro-batch's share of loss and gradients. loss_scale = 1 / target elements of the global
  /// batch.
  void accumulate(const MicroBatch& batch, double loss_scale, Part part);
  /// accumulate() of this rank's gradients alone, with every operation done by `checked`, which
  /// stands before ops(). What finish() told stays as it is. Pooled losses take the sums of the
  /// last survey.
  void repeat(Ops& checked, const MicroBatch& batch, double loss_scale, Part part);
  /// survey() of a micro-batch likewise, whose sums are forgotten.
  void repeat_survey(Ops& checked, const MicroBatch& batch);
  /// The norms of the gradients that are there, by `checked`.
  void repeat_norms(Ops& checked) { gradients_.sum_squares(checked); }
  /// The sums over all ranks of the last survey; empty where no loss is pooled.
  std::optional<PooledSums>& surveyed() { return surveyed_; }
  /// Waits for the gradient sums of all ranks; `context_tokens`: mean length on this rank, of which
  /// all have equally many.
  StepSums finish(double context_tokens);
  /// AdamW, or Muon and AdamW, of gradients times step.gradient_scale, and EMA. Moves the moments
  /// of centred targets on by what the step saw.
  void update(const AdamWStep& step);
  /// Whether every weight is a number, after any step.
  bool weights_finite();
  /// Targets and predictions without gradients, for diagnostics.
  void evaluate(const MicroBatch& batch, const StepObserver& observer);

  /// What a checkpoint holds, in the device's memory: weights, moments of the optimizer, and those
  /// of centred targets.
  std::vector<NamedTensor> saved_tensors() const;
  /// Of these what forward and backward read.
  std::vector<NamedTensor> weight_tensors() const;
  /// After those were set from outside.
  void refresh();
  /// By what centred targets are scaled; empty where they are normalised.
  TargetScale target_scale() const { return targets_ ? targets_->scale() : TargetScale{}; }

  ParamStore& store() { return store_; }
  const IJepa& model() const { return model_; }
  Ops& ops() { return device_.ops(); }
  /// This rank's loss of each micro-batch of the last step; valid after finish().
  const std::vector<double>& micro_losses() const { return gradients_.losses(); }
  /// Euclidean norm of a part of the summed gradient; valid after finish().
  double gradient_norm(ParamRange range) { return gradients_.norm_of(store_.gradient(range)); }
  /// Of the last step: from the end of backward to the end of the sums over ranks, where the host
  /// waits for them.
  double exposed_seconds() const { return gradients_.exposed_seconds(); }

 private:
  StepInput input_of(Ops& on, const MicroBatch& batch, double loss_scale);
  Pass online_pass(Ops& on, Arena& arena, Write write);
  Pass target_pass(Ops& on, Arena& arena);
  PooledSums pooled_sums(Ops& on, const MicroBatch& batch);
  /// One micro-batch, forward and backward.
  void step(Ops& on, const StepInput& input, Part part, const ReadyCallback& ready);
  std::vector<NamedTensor> tensors_of(const std::vector<Role>& roles) const;
  void sum_over_ranks(PooledSums& sums);

  Device& device_;
  Communicator& comm_;
  Normalisation normalisation_;
  Recompute recompute_;
  IJepa model_;
  ParamStore store_;
  std::size_t most_micros_;
  std::optional<PooledSums> surveyed_;     // of the step, over all ranks
  std::optional<RunningTargets> targets_;  // where they are centred
  std::optional<Muon> muon_;               // where the recipe asks for it
  Buffer arena_;
  Buffer pixels_, next_pixels_;  // images of micro-batches take turns
  StepGradients gradients_;
};

}  // namespace ijepa
