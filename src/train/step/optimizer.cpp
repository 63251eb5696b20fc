#include "ijepa/train/step/optimizer.hpp"

#include <cmath>

namespace ijepa {

AdamWStep adamw_step(const AdamWOptions& options, std::int64_t step, double learning_rate,
                     double weight_decay, double ema_momentum) {
  const auto s = static_cast<double>(step + 1);
  return {.learning_rate = learning_rate,
          .weight_decay = weight_decay,
          .beta1 = options.beta1,
          .beta2 = options.beta2,
          .epsilon = options.epsilon,
          .bias1 = 1 - std::pow(options.beta1, s),
          .bias2 = 1 - std::pow(options.beta2, s),
          .ema_momentum = ema_momentum};
}

AdamWStep adamw_step(const OptimSettings& optim, const Schedule& schedule, std::int64_t step,
                     double gradient_norm) {
  const std::int64_t s = step + 1;
  AdamWStep now = adamw_step({optim.beta1, optim.beta2, optim.eps}, step, schedule.learning_rate(s),
                             schedule.weight_decay(s), schedule.momentum(s));
  if (optim.clip_grad > 0) now.gradient_scale = clipping(gradient_norm, optim.clip_grad);
  return now;
}

double clipping(double norm, double most) {
  return norm > most ? most / norm : 1;
}

void optimizer_step(Ops& ops, const ParamStore& store, const AdamWStep& step) {
  for (const ParamRange range : store.parts()) ops.adamw_ema(store.optimizer_range(range), step);
}

}  // namespace ijepa
