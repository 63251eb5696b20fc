#include "ijepa/train/run/held_out.hpp"

#include <algorithm>

#include "ijepa/train/run/run_data.hpp"

namespace ijepa {
namespace {

/// (images, H, W, C) of pixel_type(C), as bytes: the evaluation views of the first images of a set.
std::vector<std::uint8_t> evaluation_pixels(const ShardSet& shards, LoaderOptions options,
                                            std::int64_t images) {
  options.view = View::evaluation;
  constexpr std::int64_t at_once = 64;
  Loader loader(shards, Sampler(shards.size(), options.seed, {.order = Order::stored}),
                EvaluationSchedule{.images = images, .batch = at_once}, options);
  std::vector<std::uint8_t> pixels;
  while (const Batch* batch = loader.next())
    pixels.insert(pixels.end(), batch->images.begin(), batch->images.end());
  return pixels;
}

}  // namespace

std::optional<HealthMonitor> health_monitor_of(const PretrainRecipe& recipe, const ShardSet& train,
                                               const RunPlan& plan) {
  const RunSettings& run = recipe.run;
  if (run.health_every == 0) return {};
  std::optional<ShardSet> valid;
  if (!recipe.data.valid_shards.empty()) valid = ShardSet::open(recipe.data.valid_shards);
  const ShardSet& held_out = valid ? *valid : train;
  const std::int64_t images = std::min(run.health_images, held_out.size());
  if (images < 2) return {};
  return HealthMonitor(recipe, evaluation_pixels(held_out, loader_options(recipe), images), images,
                       plan.micro_batch);
}

}  // namespace ijepa
