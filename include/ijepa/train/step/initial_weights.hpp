// InitialWeights: what a new run starts from in place of an untrained network. Its first
// checkpoint, of step 0, holds them, so that going on needs nothing else.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ijepa/model/position_tables.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"

namespace ijepa {

/// The text of a checkpoint that says what its run was started from: InitialWeights::said.
constexpr const char* started_from_key = "started_from";

struct InitialWeights {
  std::string said;  // equal for the same weights and choices alone; empty: an untrained network
  PositionTables positions;  // that are not the fixed ones of the recipe's grid
  /// Overwrites those of a new run's tensors (groups encoder, predictor, target_encoder) that it
  /// has; the others are as in an untrained network. Collective. Not called where a run goes on.
  std::function<void(const std::vector<NamedTensor>&)> load;
};

/// An Error where `meta`, of a run that goes on, says that the run was started from other weights.
/// A command that names none goes on with any run.
void check_same_start(const CheckpointMeta& meta, const InitialWeights& start,
                      const std::string& folder);

}  // namespace ijepa
