#include "ijepa/train/run/run_data.hpp"

#include <algorithm>

#include "ijepa/core/cores.hpp"

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

StepPlace place_of(std::int64_t step, std::int64_t steps_per_epoch, std::int64_t global_batch) {
  const std::int64_t iteration = step % steps_per_epoch;
  return {step, step / steps_per_epoch, iteration, iteration * global_batch};
}

StepMasks draw_step_masks(const PretrainRecipe& recipe, const RunPlan& plan, const StepPlace& place,
                          int rank) {
  const EncoderConfig& encoder = recipe.model.encoder;
  const Grid grid{encoder.grid_rows(), encoder.grid_cols()};
  const bool pixels_only = place.step < plan.pixel_steps;
  const MaskConfig mask = pixels_only ? autoencoder_masks(recipe.mask, grid) : recipe.mask;
  const std::int64_t batch = recipe.optim.global_batch;
  const MaskIteration iteration{static_cast<std::uint64_t>(recipe.run.seed), place.step,
                                place.epoch, place.batch_position, batch};
  BatchMasks drawn = draw_batch_masks(
      mask, grid, iteration, place.batch_position + rank * plan.rank_batch, plan.rank_batch);
  StepMasks masks;
  masks.images = std::move(drawn.images);
  masks.pixels_only = pixels_only;
  masks.sequences = sequences_of(recipe.model.predictor);
  masks.dropped_constraints = drawn.dropped_constraints;
  for (const ImageMasks& image : masks.images)
    for (const auto& context : image.contexts)
      masks.context_tokens += static_cast<double>(context.size());
  masks.context_tokens /= static_cast<double>(plan.rank_batch * mask.num_contexts);
  masks.target_tokens = static_cast<double>(masks.images.at(0).targets.at(0).size());
  // All target blocks of an iteration have one size, so every rank knows the global count.
  masks.loss_scale =
      1 / (static_cast<double>(batch * mask.num_targets * mask.num_contexts * encoder.width) *
           masks.target_tokens);
  return masks;
}

TokenPlan StepMasks::token_plan(std::int64_t micro, std::int64_t count, std::int64_t tokens) const {
  TokenPlan plan =
      make_token_plan(std::span(images).subspan(static_cast<std::size_t>(micro * count),
                                                static_cast<std::size_t>(count)),
                      tokens, sequences);
  plan.pixels_only = pixels_only;
  return plan;
}

LoaderOptions loader_options(const PretrainRecipe& recipe) {
  const DataSettings& d = recipe.data;
  LoaderOptions options;
  options.augment = d.augment;
  options.seed = static_cast<std::uint64_t>(recipe.run.seed);
  options.threads = threads_or_cores(d.threads);
  options.prefetch_batches = static_cast<int>(d.prefetch);
  options.max_bad_rate = d.max_bad_rate;
  return options;
}

std::unique_ptr<Loader> training_loader(const PretrainRecipe& recipe, const RunPlan& plan,
                                        const ShardSet& shards, int rank, std::int64_t step,
                                        const Log& log, std::optional<std::int64_t> steps) {
  const TrainSchedule schedule{.images = shards.size(),
                               .global_batch = recipe.optim.global_batch,
                               .micro_batch = plan.micro_batch,
                               .rank = rank,
                               .ranks = recipe.optim.global_batch / plan.rank_batch};
  LoaderOptions options = loader_options(recipe);
  options.first_batch = step * plan.micro_batches;
  SliceSchedule slices = schedule;
  if (steps)
    slices = [schedule, end = (step + *steps) * plan.micro_batches](std::int64_t number) {
      return number < end ? schedule(number) : std::nullopt;
    };
  return std::make_unique<Loader>(shards, Sampler(shards.size(), options.seed, recipe.data.order),
                                  std::move(slices), options, log);
}

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
