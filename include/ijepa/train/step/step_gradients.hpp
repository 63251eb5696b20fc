// Step gradients: what the micro-batches of one step say of all weights that learn, summed over
// ranks while backward is still running; their norms, and the update by AdamW (Loshchilov and
// Hutter, arXiv 1711.05101) that follows from them.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "ijepa/comm/bucket_reducer.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/nn/vit_stack.hpp"
#include "ijepa/train/recipe/schedule.hpp"

namespace ijepa {

struct AdamWOptions {
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
};

/// Constants of step `step` = 0, 1, ... (bias corrections use step + 1).
AdamWStep adamw_step(const AdamWOptions& options, std::int64_t step, double learning_rate,
                     double weight_decay, double ema_momentum);

/// Those of a run's schedules, where the gradients' norm is clipped to optim.clip_grad.
AdamWStep adamw_step(const OptimSettings& optim, const Schedule& schedule, std::int64_t step,
                     double gradient_norm);

/// AdamWStep::gradient_scale of a gradient whose norm must be `most` at the most.
double clipping(double norm, double most);

/// One step over all parameters.
void optimizer_step(Ops& ops, const ParamStore& store, const AdamWStep& step);

struct GradSyncOptions {
  std::int64_t bucket_bytes = std::int64_t{25} << 20;
  /// The bucket at the end of the buffer: small, so that communication starts early.
  std::int64_t first_bucket_bytes = std::int64_t{1} << 20;
};

/// Sums the flat gradient over ranks while backward is still running. Parameters lie in forward
/// order and backward finishes them from the end, so "what is ready" is one falling offset.
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

struct StepGradientsOptions {
  GradSyncOptions sync = {};
  std::size_t most_losses = 0;  // next_loss() of a step
};

class StepGradients {
 public:
  /// `stores` learn, in the order in which backward finishes them (a head before its encoder): the
  /// order in which every rank sums them. All must outlive the object. Collective.
  StepGradients(Device& device, Communicator& comm, std::vector<const ParamStore*> stores,
                const StepGradientsOptions& options = {});
  StepGradients(const StepGradients&) = delete;
  StepGradients& operator=(const StepGradients&) = delete;

  /// Forgets the micro-batches since finish(): none of them will be finished.
  void begin();
  /// How the next micro-batch of this rank writes its gradients: the first over those of the step
  /// before, others add theirs.
  Write next_micro_batch();
  /// A zero on the device for a micro-batch to add its loss to, made by `on`.
  Tensor next_loss(Ops& on);
  /// For the backward pass of a step's `last` micro-batch: what is final is summed from then on.
  /// Empty for other micro-batches, and for a store that does not learn.
  ReadyCallback ready(std::size_t store, bool last = true);

  /// Ends the step, in which this rank may have had no micro-batch: the gradients are the sums over
  /// ranks, and the host has waited for them, once. Collective.
  void finish();
  /// Puts the sums of squares of the gradients on the device, by `on`.
  void sum_squares(Ops& on);
  /// Euclidean norm of something on the device, of the type of statistics. Waits for it.
  double norm_of(Tensor flat);

  // Of what is finished:
  /// Norms of the summed gradients: of the ParamStore::parts() of each store.
  const std::vector<double>& norms() const { return norms_; }
  /// The norm of all together.
  double norm() const;
  /// This rank's losses, in the order of next_loss().
  const std::vector<double>& losses() const { return losses_; }
  /// From the end of backward to the end of the sums over ranks, where the host waited for them.
  double exposed_seconds() const;
  /// norm(). An AgreedError with exit_code::not_finite when it or `loss`, the step's over all
  /// ranks, is no number: weights and moments are then those before the step. `step` counts from 0;
  /// `option_rate` is what --lr was, whatever a schedule has made of it.
  double checked_norm(double loss, std::int64_t step, double option_rate) const;

  /// AdamW, and EMA where there is a target.
  void update(const AdamWStep& step);

 private:
  Tensor scalar(std::size_t index) const;
  std::vector<double> read_scalars(std::size_t count);

  Device& device_;
  std::vector<const ParamStore*> stores_;
  std::vector<Tensor> parts_;  // gradients whose norms are told
  std::size_t most_losses_, told_losses_ = 0;
  Buffer scalars_;  // squares of the parts, and behind them the losses
  std::unique_ptr<BucketReducer> reducer_;
  std::vector<std::unique_ptr<GradSync>> syncs_;  // of each store
  std::vector<double> norms_, losses_;
  bool begun_ = false;  // gradients of this step were written
};

}  // namespace ijepa
