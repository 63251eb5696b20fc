// Safetensors: a JSON header with name, type, shape and place of each tensor, then their bytes.
#pragma once
#include <memory>

#include "element.hpp"
#include "ijepa/train/weights/weight_file.hpp"

namespace ijepa {

/// The header's free texts are the scalars "__metadata__/KEY". An Error above a header of 64 MiB,
/// or the limits of parse_json().
std::unique_ptr<WeightFile> open_safetensors(const std::string& path);

/// The file appears whole or not at all.
void write_safetensors(const std::string& path, const std::vector<OutTensor>& tensors,
                       const std::map<std::string, std::string>& metadata);

}  // namespace ijepa
