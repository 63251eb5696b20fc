// Weights straight from another program's file, where a checkpoint's folder could stand, without
// an import. Tensors are read on all cores of all ranks, each once.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/train/checkpoint.hpp"
#include "ijepa/train/weights/import.hpp"

namespace ijepa {

/// A file stands for weights of another program, a folder for a checkpoint.
bool is_weight_file(const std::string& path);

/// describe_weights() of the file. An Error where an import needs an option.
std::string describe_weight_file(const std::string& path);

/// The model that the file holds, resolved. An Error where an import needs an option.
PretrainRecipe recipe_of_weight_file(const std::string& path);

/// Equal for files of equal weights of equal models alone. Reads checksums where the format keeps
/// them, else the whole file.
std::uint64_t fingerprint_of_weight_file(const std::string& path);

/// Fills float32 `tensors` of the groups "encoder", "predictor" and "target_encoder" on every rank.
/// A file with one encoder that does not say which has the one that is asked for. An AgreedError
/// when the file lacks one, or has tensors that the model has no place for. Collective.
void load_weight_file(Communicator& comm, const std::string& path,
                      const std::vector<NamedTensor>& tensors);

}  // namespace ijepa
