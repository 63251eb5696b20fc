#include "decoder_settings.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "ijepa/tasks/prediction/decoder_weights.hpp"

namespace ijepa {

BlockDecoderConfig sizes_of(const TrainDecoderSettings& s) {
  BlockDecoderConfig sizes;
  sizes.width = s.width;
  sizes.depth = s.depth;
  sizes.heads = s.heads;
  sizes.mlp_hidden = 4 * std::min<std::int64_t>(s.width, 1 << 16);  // wider ones are refused
  return sizes;
}

void check_settings(const TrainDecoderSettings& s, std::int64_t ranks) {
  constexpr std::int64_t most_batch = 1 << 20, most_mib = 1 << 24;
  check_decoder_sizes(sizes_of(s));
  check(s.steps <= most_decoder_steps && s.batch <= most_batch,
        "{} steps of {} crops are too many: {} and {} at most.", s.steps, s.batch,
        most_decoder_steps, most_batch);
  check(s.cache_mib >= 1 && s.cache_mib <= most_mib, "--cache-mib of {} is not between 1 and {}.",
        s.cache_mib, most_mib);
  check(s.steps >= 1 && s.batch >= ranks,
        "{} steps of {} crops are no training on {} ranks: each needs one.", s.steps, s.batch,
        ranks);
  check(s.learning_rate > 0 && s.average >= 0 && s.average < 1,
        "A learning rate of {} and an average of momentum {} do not work.", s.learning_rate,
        s.average);
  check(s.images >= 0 && s.checkpoint_minutes >= 0 && s.max_seconds >= 0,
        "--images, --checkpoint-minutes and --max-seconds cannot be negative.");
}

PretrainRecipe recipe_of(const TrainDecoderSettings& s) {
  PretrainRecipe recipe;
  recipe.run.dir = s.out;
  recipe.run.checkpoint_minutes = s.checkpoint_minutes;
  recipe.run.max_seconds = s.max_seconds;
  recipe.run.keep_best = KeepBest::none;
  return recipe;
}

double decoder_learning_rate(const TrainDecoderSettings& settings, std::int64_t step) {
  const auto steps = static_cast<double>(settings.steps), at = static_cast<double>(step);
  const double warmup = std::max(1.0, steps / 20);
  if (at < warmup) return settings.learning_rate * (at + 1) / (warmup + 1);
  constexpr double final = 0.01;
  const double done = (at - warmup) / std::max(1.0, steps - warmup);
  return settings.learning_rate *
         (final + (1 - final) * (1 + std::cos(std::numbers::pi * done)) / 2);
}

}  // namespace ijepa
