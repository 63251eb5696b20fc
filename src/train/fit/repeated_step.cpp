#include "ijepa/train/fit/repeated_step.hpp"

#include "ijepa/device/checked_ops.hpp"

namespace ijepa {

std::optional<Finding> find_not_finite(Engine& engine, const RankStep& step,
                                       std::span<const std::uint8_t> pixels, Activity& activity) {
  CheckedOps parts(engine.ops(), [&](const Tensor& t) { return engine.store().layer_of(t); });
  CheckedOps norms(engine.ops());
  const auto operations = [&] { return parts.operations() + norms.operations(); };
  const Activity::Progress progress(activity,
                                    [&] { return static_cast<std::uint64_t>(operations()); });
  const std::size_t bytes = step.micro_bytes();
  const auto micros = static_cast<std::int64_t>(pixels.size() / bytes);
  std::int64_t micro = 0;
  const auto each = [&](const auto& repeat) {
    for (micro = 0; micro < micros; ++micro) {
      parts.leave_layers();
      const TokenPlan tokens = step.token_plan(micro);
      repeat(step.micro_batch(micro, pixels.subspan(static_cast<std::size_t>(micro) * bytes, bytes),
                              tokens));
    }
  };
  try {
    if (engine.model().loss().pooled() && step.micro_batches() > 1)
      each([&](const MicroBatch& batch) { engine.repeat_survey(parts, batch); });
    each([&](const MicroBatch& batch) {
      engine.repeat(parts, batch, step.masks().loss_scale, step.part(micro));
    });
    if (micro == step.micro_batches()) engine.repeat_norms(norms);
  } catch (const NotFinite& e) {
    return Finding{step.rank(), micro, operations(), e.what()};
  }
  return {};
}

std::string sentence_of(const Finding& f, const RankStep& step) {
  const bool norm = f.micro == step.micro_batches();
  return fmt::format("step {}: the first value that is not finite is of rank {}, {}. {}",
                     step.place().step, f.rank,
                     norm ? "the norms of its gradients"
                          : fmt::format("micro-batch {} of {}", f.micro + 1, step.micro_batches()),
                     f.text);
}

}  // namespace ijepa
