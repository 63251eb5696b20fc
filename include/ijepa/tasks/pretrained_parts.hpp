// What else than tensors and recipe comes from a checkpoint or another program's weights, and their
// reading where the caller knows what a file may leave out.
#pragma once
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/model/position_tables.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/weights/import.hpp"

namespace ijepa {

/// load_checkpoint_recipe() and load_pretrained() with hints for files of weights. Collective.
PretrainRecipe load_checkpoint_recipe(const std::string& checkpoint, Communicator& comm,
                                      const WeightHints& hints);
void load_pretrained(const std::string& checkpoint, const std::vector<NamedTensor>& tensors,
                     Communicator& comm, const WeightHints& hints);

/// The position tables that are not the fixed ones of its grid. Collective.
PositionTables load_positions(const std::string& checkpoint, Communicator& comm,
                              const WeightHints& hints = {});

/// The groups that it holds, "encoder", "predictor" and "target_encoder" among them; an encoder
/// that is not said to be either is the target encoder.
std::vector<std::string> groups_of_pretrained(const std::string& checkpoint);

}  // namespace ijepa
