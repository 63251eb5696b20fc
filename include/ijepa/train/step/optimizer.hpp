// Optimizer: AdamW (Loshchilov and Hutter, arXiv 1711.05101) with the EMA of the target encoder and
// the compute-type copies, over ranges of the flat parameter buffers in one pass.
#pragma once
#include "ijepa/nn/param_store.hpp"
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

}  // namespace ijepa
