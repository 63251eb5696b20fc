// RunFolder: the identity of a run. Its folder keeps the resolved configuration; coming back with
// other settings that would change the result is refused, so one folder never holds two runs.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ijepa/core/log.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// "section.key" -> value as written, of a text that recipe_text() made.
std::map<std::string, std::string> settings_of(const std::string& text);

/// Settings that two configuration texts (recipe_text()) give differently and that change what is
/// trained: "optim.lr: 0.001 there, 0.0005 here". Paths, cadences, threads, micro-batch, device and
/// the length of a slice (optim.max_steps) may differ, and optim.epochs may be larger here where
/// `used` is to extend.
std::vector<std::string> differing_settings(const std::string& there, const std::string& here,
                                            UsedFolder used = UsedFolder::resume);

/// Creates RUN and RUN/config.toml, or checks that a used folder, one with a checkpoint, holds this
/// run: an Error lists the settings that differ, or says that recipe.run.used_folder refuses a used
/// one. A run that is extended has its new length in config.toml from then on. For one rank.
void prepare_run_folder(const PretrainRecipe& recipe, const Log& log);

}  // namespace ijepa
