// Weights straight from another program's file, where a checkpoint's folder could stand, without
// an import. Tensors are read on all cores of all ranks, each once.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/model/position_tables.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/weights/import.hpp"

namespace ijepa {

/// Weights of another program: a file, or a folder that is neither a checkpoint nor a run.
bool is_weight_file(const std::string& path);

/// " --encoder context takes that one." where `wanted`, an encoder, is not held, but the other one
/// is.
std::string encoder_advice(const std::string& wanted, const std::vector<std::string>& held);

/// Whether a folder holds files that look like weights of another program.
bool holds_weights(const std::string& folder);

/// describe_weights() of the file. An Error where an import needs an option.
std::string describe_weight_file(const std::string& path);

/// The model that the file holds, resolved. An Error where an import needs an option.
PretrainRecipe recipe_of_weight_file(const std::string& path, const WeightHints& hints = {});

/// Its position tables that are not the fixed ones.
PositionTables positions_of_weight_file(const std::string& path, const WeightHints& hints = {});

/// "encoder", "predictor", "target_encoder", as far as it holds them; an encoder that is not said
/// to be either is the target encoder.
std::vector<std::string> groups_of_weight_file(const std::string& path);

/// Equal for files of equal weights of equal models alone. Reads checksums where the format keeps
/// them, else the whole file.
std::uint64_t fingerprint_of_weight_file(const std::string& path);

/// Fills float32 `tensors` of the groups "encoder", "predictor" and "target_encoder" on every rank.
/// A file with one encoder that does not say which has the one that is asked for. An AgreedError
/// when the file lacks one, or has tensors that the model has no place for. Collective.
void load_weight_file(Communicator& comm, const std::string& path,
                      const std::vector<NamedTensor>& tensors, const WeightHints& hints = {});

}  // namespace ijepa
