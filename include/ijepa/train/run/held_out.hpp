// Held-out images: those on which a run looks at the health of its features.
#pragma once
#include <optional>

#include "ijepa/data/shard_set.hpp"
#include "ijepa/train/health/health_monitor.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// The health monitor of a run, on the evaluation views of data.valid_shards, or of `train` without
/// them; none where the recipe asks for none, or has too few images.
std::optional<HealthMonitor> health_monitor_of(const PretrainRecipe& recipe, const ShardSet& train,
                                               const RunPlan& plan);

}  // namespace ijepa
