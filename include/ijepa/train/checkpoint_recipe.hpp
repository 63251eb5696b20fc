// The configuration that a checkpoint carries: what model it holds and how images are prepared.
#pragma once
#include "ijepa/train/checkpoint_file.hpp"
#include "ijepa/train/recipe.hpp"

namespace ijepa {

/// Resolved. An Error when the checkpoint does not say, or says what cannot be.
PretrainRecipe recipe_of_checkpoint(const CheckpointMeta& meta, const std::string& folder);

}  // namespace ijepa
