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

Schedule::Schedule(const OptimSettings& optim, std::int64_t steps_per_epoch, double pixel_epochs)
    : optim_(optim),
      warmup_steps_(
          static_cast<std::int64_t>(optim.warmup_epochs * static_cast<double>(steps_per_epoch))),
      pixel_steps_(static_cast<std::int64_t>(pixel_epochs * static_cast<double>(steps_per_epoch))),
      momentum_steps_(static_cast<double>(steps_per_epoch * optim.epochs) * optim.ipe_scale) {
  cosine_steps_ = static_cast<std::int64_t>(optim.ipe_scale * static_cast<double>(optim.epochs) *
                                            static_cast<double>(steps_per_epoch));
}

Schedule::Place Schedule::place_of(std::int64_t step) const {
  if (step <= pixel_steps_) return {step, pixel_steps_};
  return {step - pixel_steps_, cosine_steps_ - pixel_steps_};
}

double Schedule::learning_rate(std::int64_t step_of_run) const {
  const auto [step, length] = place_of(step_of_run);
  const auto& o = optim_;
  if (step < warmup_steps_) {
    const double share = static_cast<double>(step) / static_cast<double>(warmup_steps_);
    return o.start_lr + share * (o.lr - o.start_lr);
  }
  const auto after = std::max<std::int64_t>(1, length - warmup_steps_);
  const double share = static_cast<double>(step - warmup_steps_) / static_cast<double>(after);
  return std::max(o.final_lr, cosine(o.lr, o.final_lr, share));
}

double Schedule::weight_decay(std::int64_t step_of_run) const {
  const auto [step, length] = place_of(step_of_run);
  const double first = optim_.weight_decay, last = optim_.final_weight_decay;
  const double share =
      static_cast<double>(step) / static_cast<double>(std::max<std::int64_t>(1, length));
  const double decay = cosine(first, last, share);
  return last <= first ? std::max(last, decay) : std::min(last, decay);
}

double Schedule::momentum(std::int64_t step) const {
  const double change = optim_.ema_end - optim_.ema_start;
  if (step <= pixel_steps_) return optim_.ema_start;
  const auto pixel_steps = static_cast<double>(pixel_steps_);
  const double share = std::min(
      1.0, (static_cast<double>(step - 1) - pixel_steps) / (momentum_steps_ - pixel_steps));
  return optim_.ema_start + share * change;
}

}  // namespace ijepa
