// Dry run: what a configuration will do, before anything is computed: steps and schedule, memory by
// class at the worst masks, arithmetic a step.
#pragma once
#include <string>

#include "ijepa/train/recipe.hpp"

namespace ijepa {

/// The report as text. Reads the number of images from recipe.data.shards; where those are not at
/// hand yet, only what does not depend on them is told.
std::string dry_run_report(const PretrainRecipe& recipe, std::int64_t ranks);

}  // namespace ijepa
