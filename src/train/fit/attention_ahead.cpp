#include "ijepa/train/fit/attention_ahead.hpp"

#include <algorithm>
#include <exception>

#include "ijepa/train/run/run_data.hpp"

namespace ijepa {

std::vector<AttentionUse> attention_of_step(const PretrainRecipe& recipe, const RunPlan& plan,
                                            std::int64_t step, int rank) {
  const EncoderConfig& e = recipe.model.encoder;
  const PredictorConfig& p = recipe.model.predictor;
  const StepPlace place = place_of(step, plan.steps_per_epoch, recipe.optim.global_batch);
  const StepMasks masks = draw_step_masks(recipe, plan, place, rank);
  std::vector<AttentionUse> uses;
  for (std::int64_t m = 0; m < plan.micro_batches; ++m) {
    const TokenPlan tokens = masks.token_plan(m, plan.micro_batch, e.tokens());
    uses.push_back({{tokens.images, e.tokens()}, e.heads, e.width, false});
    for (const SequenceGroup& g : tokens.context_groups)
      uses.push_back({g, e.heads, e.width, true});
    if (p.depth > 1)
      for (const SequenceGroup& g : tokens.predictor_groups)
        uses.push_back({g, e.heads, p.width, true});
    for (const SequenceGroup& g : tokens.mask_groups) uses.push_back({g, e.heads, p.width, true});
  }
  return uses;
}

AttentionAhead::AttentionAhead(const PretrainRecipe& recipe, const RunPlan& plan, int rank,
                               std::int64_t first, std::int64_t steps, Device& device) {
  const std::int64_t end = std::min(first + steps, plan.total_steps);
  if (!device.prepares_attention() || recipe.compute.precision != DType::bf16) return;
  thread_ = std::jthread([=, &device](const std::stop_token& stop) {
    try {
      for (std::int64_t step = first; step < end && !stop.stop_requested(); ++step)
        for (const AttentionUse& use : attention_of_step(recipe, plan, step, rank))
          device.prepare_attention(use);
    } catch (const std::exception&) {
      // The step itself will fail in the same way, and say so on all ranks.
    }
  });
}

}  // namespace ijepa
