// Decoder settings: what a decoder's training asks of its settings, and what follows from them.
#pragma once
#include "ijepa/model/flow_matching.hpp"
#include "ijepa/tasks/prediction/train_decoder.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

BlockDecoderConfig sizes_of(const TrainDecoderSettings& settings);
/// An Error, one sentence, for whatever cannot work on any data.
void check_settings(const TrainDecoderSettings& settings, std::int64_t ranks);
/// What a run of these settings would be told.
PretrainRecipe recipe_of(const TrainDecoderSettings& settings);

}  // namespace ijepa
