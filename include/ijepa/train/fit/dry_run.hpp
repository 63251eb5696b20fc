// Dry run: what a configuration will do, before anything is computed: steps and schedule, memory by
// class at the worst masks, arithmetic a step, core-hours.
#pragma once
#include <string>

#include "ijepa/model/ijepa.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

struct DryRunReport {
  std::string text;
  std::string missing;  // what a run would lack, as a sentence; empty: nothing
};

/// Floating-point operations of a step in matrix products and attention, over all ranks: the mean
/// over the masks of 16 iterations from step `first` (from 0) on.
double mean_step_flops(const IJepa& model, const PretrainRecipe& recipe, const RunPlan& plan,
                       std::int64_t ranks, std::int64_t first);

/// Reads the number of images from recipe.data.shards; where those are not at
/// hand yet, only what does not depend on them is told.
DryRunReport dry_run_report(const PretrainRecipe& recipe, std::int64_t ranks);

}  // namespace ijepa
