#include "ijepa/train/step/memory_plan.hpp"

#include <algorithm>
#include <utility>
#include <vector>

#include "ijepa/device/counting_ops.hpp"
#include "ijepa/device/gpu_memory.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/model/mask_limits.hpp"
#include "ijepa/train/step/muon.hpp"
#include "ijepa/train/step/running_targets.hpp"

namespace ijepa {
namespace {

/// A micro-batch with the plan's shapes, for a pass that only measures.
struct DryInput {
  DryInput(const EncoderConfig& c, Precision precision, const TokenPlan& plan, Recompute recompute)
      : positions(static_cast<std::size_t>(plan.images)),
        input{.images = {image_tensor(nullptr, c, plan.images), {}},
              .plan = plan,
              .drop_path = {0, 0, positions},
              .recompute = recompute,
              .target_scale = target_scale(c, precision.statistics(), nullptr)} {}

  std::vector<std::int64_t> positions;
  StepInput input;
};

std::size_t look_bytes(const IJepa& model, Precision precision, const TokenPlan& plan,
                       Recompute recompute) {
  NullOps nothing;
  Arena arena = Arena::measuring();
  Pass dry{nothing, arena, precision, {}};
  const DryInput in(model.encoder().config(), precision, plan, recompute);
  model.evaluate(dry, dry, in.input, {[](Tensor, Tensor) {}, {}, {}});
  return arena.peak();
}

std::size_t arena_bytes_of(const IJepa& model, const PretrainRecipe& recipe,
                           const TokenPlan& plan) {
  const Precision precision = precision_of(recipe.compute);
  return std::max(dry_step(model, precision, plan, recipe.compute.recompute).arena_bytes,
                  look_bytes(model, precision, plan, recipe.compute.recompute));
}

/// Masks that are not cut to common lengths seldom have those of others: not all can be kept.
constexpr std::size_t most_known = 4096;

/// All that the shapes of a step's operations follow from.
std::vector<std::int64_t> lengths_of(const TokenPlan& plan) {
  std::vector<std::int64_t> lengths{plan.images, plan.pixels_only ? 1 : 0,
                                    std::ssize(plan.different_rows), std::ssize(plan.wanted_rows)};
  for (const auto* groups : {&plan.context_groups, &plan.predictor_groups, &plan.mask_groups}) {
    lengths.push_back(std::ssize(*groups));
    for (const SequenceGroup& g : *groups)
      lengths.insert(lengths.end(), {g.count, g.length, g.asking});
  }
  return lengths;
}

}  // namespace

Precision precision_of(const ComputeSettings& compute) {
  if (compute.precision == DType::f64) return Precision::float64();
  if (compute.precision == DType::bf16) return Precision::bfloat16(compute.residual);
  return Precision::float32();
}

DryStep dry_step(const IJepa& model, Precision precision, const TokenPlan& plan,
                 Recompute recompute) {
  NullOps nothing;
  CountingOps ops(nothing);
  Arena arena = Arena::measuring();
  Pass dry{ops, arena, precision, {}};
  const DryInput in(model.encoder().config(), precision, plan, recompute);
  model.step(dry, dry, in.input, make_tensor(nullptr, precision.param, {1}), {}, {});
  return {arena.peak(), ops.count(OpClass::linear).flops + ops.count(OpClass::attention).flops};
}

TokenPlan worst_token_plan(const IJepa& model, const PretrainRecipe& recipe,
                           std::int64_t micro_batch) {
  const EncoderConfig& c = model.encoder().config();
  const Grid grid{c.grid_rows(), c.grid_cols()};
  TokenPlan worst;
  std::size_t most = 0;
  const auto look_at = [&](const MaskConfig& masks, bool pixels_only) {
    for (const MaskLengths& lengths : worst_case_lengths(masks, grid)) {
      TokenPlan plan = uniform_token_plan(masks, lengths, micro_batch, grid.tokens(),
                                          sequences_of(recipe.model.predictor));
      plan.pixels_only = pixels_only;
      const std::size_t bytes = arena_bytes_of(model, recipe, plan);
      if (bytes <= most) continue;
      most = bytes;
      worst = std::move(plan);
    }
  };
  look_at(recipe.mask, false);
  if (model.loss().pixel_epochs > 0) look_at(autoencoder_masks(recipe.mask, grid), true);
  return worst;
}

std::size_t measure_worst_step(const IJepa& model, const PretrainRecipe& recipe,
                               std::int64_t micro_batch) {
  const auto step = arena_bytes_of(model, recipe, worst_token_plan(model, recipe, micro_batch));
  if (recipe.optim.optimizer != MatrixOptimizer::muon) return step;
  return std::max(step, Muon::bytes(model.layout(), precision_of(recipe.compute)));
}

MemoryPlan plan_memory(const IJepa& model, const PretrainRecipe& recipe, std::int64_t micro_batch) {
  const EncoderConfig& c = model.encoder().config();
  const Precision precision = precision_of(recipe.compute);
  return {.state = ParamStore::bytes(model.layout(), precision, StoreUse::training),
          .targets = model.loss().targets == TargetScaling::centred
                         ? RunningTargets::bytes(c, precision.statistics())
                         : 0,
          .activations = measure_worst_step(model, recipe, micro_batch),
          .images = 2 * image_tensor(nullptr, c, micro_batch).bytes(),
          .libraries = recipe.compute.device == DeviceChoice::cuda ? gpu_memory.total() : 0};
}

void expect_room(const IJepa& model, const PretrainRecipe& recipe, std::int64_t micro_batch,
                 std::int64_t rank_batch, std::size_t free) {
  const auto need = [&](std::int64_t images) {
    const MemoryPlan plan = plan_memory(model, recipe, images);
    return plan.total() - plan.libraries;
  };
  const std::size_t needed = need(micro_batch);
  if (needed <= free) return;
  std::int64_t fits = micro_batch - 1;
  while (fits > 0 && (rank_batch % fits != 0 || need(fits) > free)) --fits;
  constexpr double mib = 1024.0 * 1024;
  const auto problem = fmt::format(
      "Micro-batches of {} images need {:.1f} MiB of the device's memory, but {:.1f} MiB are free",
      micro_batch, static_cast<double>(needed) / mib, static_cast<double>(free) / mib);
  check(fits > 0,
        "{}, and single images need {:.1f} MiB: set compute.precision = \"bfloat16\" or "
        "compute.recompute = \"block\", train a smaller model, or use a larger device.",
        problem, static_cast<double>(need(1)) / mib);
  fail("{}: set optim.micro_batch = {}, the largest that fits.", problem, fits);
}

double StepFlops::of(const TokenPlan& plan) {
  auto lengths = lengths_of(plan);
  if (const auto found = known_.find(lengths); found != known_.end()) return found->second;
  if (known_.size() >= most_known) known_.clear();
  const double flops = dry_step(model_, precision_, plan, Recompute::none).flops;
  known_.emplace(std::move(lengths), flops);
  return flops;
}

}  // namespace ijepa
