// Weights in several files with an index, NAME.index.json, as Hugging Face's libraries save them.
#pragma once
#include <memory>
#include <string>

#include "ijepa/train/weights/weight_file.hpp"

namespace ijepa {

std::unique_ptr<WeightFile> open_sharded_weights(const std::string& index);

}  // namespace ijepa
