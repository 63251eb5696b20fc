#include "ijepa/train/fit/dry_run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/device/peak.hpp"
#include "ijepa/train/checkpoint/checkpoint_writer.hpp"
#include "ijepa/train/recipe/schedule.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/step/memory_plan.hpp"

namespace ijepa {
namespace {

std::string row(const char* name, std::size_t bytes) {
  return fmt::format("  {:<24}{:>12.1f} MiB\n", name, static_cast<double>(bytes) / 1048576.0);
}

std::string memory_text(const MemoryPlan& m) {
  return "memory of a rank\n" + row("weights", m.state.weights) +
         row("gradients", m.state.gradients) + row("optimizer", m.state.optimizer) +
         row("EMA target", m.state.target) + row("constants", m.state.constants) +
         (m.targets > 0 ? row("targets' moments", m.targets) : "") +
         row("activations (worst mask)", m.activations) + row("images", m.images) +
         (m.libraries > 0 ? row("GPU libraries", m.libraries) : "") + row("total", m.total());
}

/// Host memory, beside that of the step: a save writes from a copy while training goes on.
std::string checkpoint_text(const ParamLayout& layout, Precision precision, std::int64_t ranks) {
  const auto all = static_cast<std::size_t>(layout.size());
  const auto encoder = static_cast<std::size_t>(layout.range("encoder").size());
  const std::size_t state = (3 * all + encoder) * size_of(precision.param);
  return "checkpoints\n" + row("on disk, each", state) +
         row("host memory of a rank", CheckpointWriter::snapshot_bytes(state, ranks));
}

std::string schedule_text(const PretrainRecipe& recipe, const RunPlan& plan) {
  const Schedule schedule(recipe.optim, plan.steps_per_epoch, recipe.loss.pixel_epochs);
  std::string text = fmt::format(
      "steps: {} an epoch, {} in all, {} of warm-up\n"
      "batch: {} images a step, {} a rank in {} micro-batches of {}\n"
      "schedule  step        rate       decay    momentum\n",
      plan.steps_per_epoch, plan.total_steps, plan.warmup_steps, recipe.optim.global_batch,
      plan.rank_batch, plan.micro_batches, plan.micro_batch);
  for (const std::int64_t step : {std::int64_t{1}, std::max<std::int64_t>(plan.warmup_steps, 1),
                                  (plan.total_steps + 1) / 2, plan.total_steps})
    text += fmt::format("{:>14}{:>12.4g}{:>12.4g}{:>12.6g}\n", step, schedule.learning_rate(step),
                        schedule.weight_decay(step), schedule.momentum(step));
  return text;
}

}  // namespace

double mean_step_flops(const IJepa& model, const PretrainRecipe& recipe, const RunPlan& plan,
                       std::int64_t ranks, std::int64_t first) {
  constexpr std::int64_t samples = 16;
  double flops = 0;
  for (std::int64_t s = 0; s < samples; ++s) {
    const StepMasks masks = draw_step_masks(
        recipe, plan, place_of(first + s, first + samples, recipe.optim.global_batch), 0);
    const TokenPlan tokens = masks.token_plan(0, plan.micro_batch, recipe.model.encoder.tokens());
    flops += dry_step(model, precision_of(recipe.compute), tokens, recipe.compute.recompute).flops;
  }
  return flops / samples * static_cast<double>(plan.micro_batches * ranks);
}

namespace {

/// Core-hours of the run at the rate of products that a core here reaches; nothing of GPUs.
std::string time_text(double flops, const ComputeSettings& compute) {
  if (compute.device == DeviceChoice::cuda) return "";
  const auto core = make_device({.threads = 1, .cpu_kernels = compute.cpu_kernels});
  const double gflops =
      measure_gflops(*core, compute.precision == DType::bf16 ? DType::bf16 : DType::f32);
  return fmt::format(
      "time: {:.3g} core-hours at the peak of a core here, {:.0f} GFLOP/s. Very small networks "
      "take two to four times as long, ViT-S and larger a tenth to a third more.\n",
      flops / gflops * 1e-9 / 3600, gflops);
}

}  // namespace

DryRunReport dry_run_report(const PretrainRecipe& recipe, std::int64_t ranks) {
  const IJepa model(recipe.model.encoder, recipe.model.predictor, recipe.loss);
  std::string text = fmt::format("model: {} with {:.1f} M parameters, predictor {:.1f} M\n",
                                 recipe.model.encoder.name,
                                 static_cast<double>(model.layout().count("encoder")) * 1e-6,
                                 static_cast<double>(model.layout().count("predictor")) * 1e-6);
  std::optional<ShardSet> shards;
  std::string missing;
  try {
    shards = ShardSet::open(recipe.data.shards);
  } catch (const Error& e) {
    missing = e.what();
    text += fmt::format("data: {} Steps are not known without it.\n", missing);
  }
  // Without data, an epoch of one batch still tells how a rank's batch is cut.
  const std::int64_t images = shards ? shards->size() : recipe.optim.global_batch;
  const RunPlan plan = plan_run(recipe, images, ranks);
  if (shards) text += fmt::format("data: {} images\n", images) + schedule_text(recipe, plan);
  const double flops = mean_step_flops(model, recipe, plan, ranks, plan.pixel_steps);
  double all = flops * static_cast<double>(plan.total_steps - plan.pixel_steps);
  text += fmt::format("arithmetic: {:.4g} FLOPs a step in matrix products and attention\n", flops);
  if (plan.pixel_steps > 0) {
    const double first = mean_step_flops(model, recipe, plan, ranks, 0);
    all += first * static_cast<double>(plan.pixel_steps);
    text += fmt::format("            {:.4g} in the first {} steps, of pixels only\n", first,
                        plan.pixel_steps);
  }
  if (shards) text += time_text(all, recipe.compute);
  text += memory_text(plan_memory(model, recipe, plan.micro_batch)) +
          checkpoint_text(model.layout(), precision_of(recipe.compute), ranks);
  return {text, missing};
}

}  // namespace ijepa
