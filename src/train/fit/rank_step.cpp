#include "ijepa/train/fit/rank_step.hpp"

#include <numeric>

namespace ijepa {

RankStep::RankStep(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t step, int rank)
    : seed_(static_cast<std::uint64_t>(recipe.run.seed)),
      rank_(rank),
      image_tokens_(recipe.model.encoder.tokens()),
      micro_batch_(plan.micro_batch),
      micro_batches_(plan.micro_batches),
      micro_bytes_(image_tensor(nullptr, recipe.model.encoder, plan.micro_batch).bytes()),
      place_(place_of(step, plan.steps_per_epoch, recipe.optim.global_batch)),
      masks_(draw_step_masks(recipe, plan, place_, rank)),
      positions_(static_cast<std::size_t>(plan.rank_batch)) {
  std::iota(positions_.begin(), positions_.end(), place_.batch_position + rank * plan.rank_batch);
}

TokenPlan RankStep::token_plan(std::int64_t micro) const {
  return masks_.token_plan(micro, micro_batch_, image_tokens_);
}

MicroBatch RankStep::micro_batch(std::int64_t micro, std::span<const std::uint8_t> pixels,
                                 const TokenPlan& tokens) const {
  const auto own = std::span(positions_)
                       .subspan(static_cast<std::size_t>(micro * micro_batch_),
                                static_cast<std::size_t>(micro_batch_));
  return {pixels, tokens, {seed_, static_cast<std::uint64_t>(place_.epoch), own}};
}

}  // namespace ijepa
