#include "ijepa/train/step/step_flops.hpp"

#include "ijepa/train/step/memory_plan.hpp"

namespace ijepa {
namespace {

/// Masks that are not cut to common lengths seldom have those of others: not all can be kept.
constexpr std::size_t most_known = 4096;

/// All that the shapes of a step's operations follow from.
std::vector<std::int64_t> lengths_of(const TokenPlan& plan) {
  std::vector<std::int64_t> lengths{plan.images, std::ssize(plan.different_rows),
                                    std::ssize(plan.wanted_rows)};
  for (const auto* groups : {&plan.context_groups, &plan.predictor_groups, &plan.mask_groups}) {
    lengths.push_back(std::ssize(*groups));
    for (const SequenceGroup& g : *groups)
      lengths.insert(lengths.end(), {g.count, g.length, g.asking});
  }
  return lengths;
}

}  // namespace

double StepFlops::of(const TokenPlan& plan) {
  auto lengths = lengths_of(plan);
  if (const auto found = known_.find(lengths); found != known_.end()) return found->second;
  if (known_.size() >= most_known) known_.clear();
  const double flops = dry_step(model_, precision_, plan, Recompute::none).flops;
  known_.emplace(std::move(lengths), flops);
  return flops;
}

}  // namespace ijepa
