// What ijepa-inspect says about a checkpoint.
#pragma once
#include <string>

#include "ijepa/train/checkpoint_file.hpp"

namespace ijepa::tools {

/// Step, parts, tensors and bytes by group, then the texts stored with it, such as the
/// configuration.
std::string describe_checkpoint(const CheckpointManifest& manifest, const std::string& folder);

/// One line a tensor: group, name, type, shape, checksum (of each piece).
std::string tensor_lines(const CheckpointManifest& manifest);

}  // namespace ijepa::tools
