#include "ijepa/train/checkpoint_recipe.hpp"

#include "ijepa/core/error.hpp"

namespace ijepa {

PretrainRecipe recipe_of_checkpoint(const CheckpointMeta& meta, const std::string& folder) {
  const auto config = meta.text.find("config");
  check(config != meta.text.end(), "The checkpoint {} does not say what model it holds.", folder);
  PretrainRecipe recipe;
  read_toml(fields_of(recipe), config->second, folder + " (config)");
  resolve(recipe);
  return recipe;
}

}  // namespace ijepa
