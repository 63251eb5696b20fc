// The configuration that a checkpoint carries: what model it holds and how images are prepared.
// Position tables that are not the fixed ones are beside it.
#pragma once
#include <map>
#include <string>

#include "ijepa/model/position_tables.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// Texts of a checkpoint for tables that are not the fixed ones, "positions" and
/// "predictor_positions": float32, little endian, in hexadecimal digits.
std::map<std::string, std::string> texts_of_positions(const PositionTables& tables);

/// The tables that such texts hold, of the model of recipe_of_checkpoint(). An Error when one is
/// damaged.
PositionTables positions_of_checkpoint(const CheckpointMeta& meta, const std::string& folder);

/// The text of a checkpoint's folder that is the replay of a step (fit/replay.hpp): where in a
/// run the step was.
constexpr const char* replay_key = "replay";

/// An Error where the folder holds a replay: its weights are those that a step was not finite with,
/// and nothing to go on from or to judge.
void refuse_replay(const CheckpointMeta& meta, const std::string& folder);

/// Resolved. An Error when the checkpoint does not say, or says what cannot be, and for a replay.
PretrainRecipe recipe_of_checkpoint(const CheckpointMeta& meta, const std::string& folder);

}  // namespace ijepa
