#include "ijepa/train/recipe/schedule.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace ijepa {
namespace {

/// From `first` at share 0 to `last` at share 1.
double cosine(double first, double last, double share) {
  return last + (first - last) * 0.5 * (1 + std::cos(std::numbers::pi * share));
}

}  // namespace

Schedule::Schedule(const OptimSettings& optim, std::int64_t steps_per_epoch)
    : optim_(optim),
      warmup_steps_(
          static_cast<std::int64_t>(optim.warmup_epochs * static_cast<double>(steps_per_epoch))),
      momentum_steps_(static_cast<double>(steps_per_epoch * optim.epochs) * optim.ipe_scale) {
  cosine_steps_ = static_cast<std::int64_t>(optim.ipe_scale * static_cast<double>(optim.epochs) *
                                            static_cast<double>(steps_per_epoch));
}

double Schedule::learning_rate(std::int64_t step) const {
  const auto& o = optim_;
  if (step < warmup_steps_) {
    const double share = static_cast<double>(step) / static_cast<double>(warmup_steps_);
    return o.start_lr + share * (o.lr - o.start_lr);
  }
  const auto after = std::max<std::int64_t>(1, cosine_steps_ - warmup_steps_);
  const double share = static_cast<double>(step - warmup_steps_) / static_cast<double>(after);
  return std::max(o.final_lr, cosine(o.lr, o.final_lr, share));
}

double Schedule::weight_decay(std::int64_t step) const {
  const double first = optim_.weight_decay, last = optim_.final_weight_decay;
  const double share =
      static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, cosine_steps_));
  const double decay = cosine(first, last, share);
  return last <= first ? std::max(last, decay) : std::min(last, decay);
}

double Schedule::momentum(std::int64_t step) const {
  const double change = optim_.ema_end - optim_.ema_start;
  const double share = std::min(1.0, static_cast<double>(step - 1) / momentum_steps_);
  return optim_.ema_start + share * change;
}

}  // namespace ijepa
