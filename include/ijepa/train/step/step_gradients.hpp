// Step gradients: what the micro-batches of one step say of all weights that learn, summed over
// ranks while backward is still running, and the update that follows from it.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "ijepa/nn/param_store.hpp"
#include "ijepa/nn/vit_stack.hpp"
#include "ijepa/train/step/grad_sync.hpp"

namespace ijepa {

class StepGradients {
 public:
  /// `stores` learn, in the order in which backward finishes them (a head before its encoder): the
  /// order in which every rank sums them. All must outlive the object. Collective.
  StepGradients(Device& device, Communicator& comm, std::vector<const ParamStore*> stores);
  StepGradients(const StepGradients&) = delete;
  StepGradients& operator=(const StepGradients&) = delete;

  /// How the next micro-batch of this rank writes its gradients: the first over those of the step
  /// before, others add theirs.
  Write next_micro_batch();
  /// For the backward pass of a step's `last` micro-batch: what is final is summed from then on.
  /// Empty for other micro-batches, and for a store that does not learn.
  ReadyCallback ready(std::size_t store, bool last = true);

  /// Ends the step, in which this rank may have had no micro-batch: the gradients are the sums over
  /// ranks, and the host has waited for them. Collective.
  void finish();
  /// The norm of the summed gradient. An AgreedError with exit_code::not_finite when it or `loss`,
  /// the step's over all ranks, is no number: weights and moments are then those before the step.
  /// `step` counts from 0; `option_rate` is what --lr was, whatever a schedule has made of it.
  double checked_norm(double loss, std::int64_t step, double option_rate);
  /// AdamW, without EMA.
  void update(const AdamWStep& step);

 private:
  Device& device_;
  std::vector<const ParamStore*> stores_;
  std::unique_ptr<BucketReducer> reducer_;
  std::vector<std::unique_ptr<GradSync>> syncs_;  // of each store
  Buffer square_;
  bool begun_ = false;  // gradients of this step were written
};

}  // namespace ijepa
