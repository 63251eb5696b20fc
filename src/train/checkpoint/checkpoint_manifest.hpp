// The manifest of a checkpoint as JSON text, with a checksum of its own.
#pragma once
#include <string>

#include "ijepa/train/checkpoint/checkpoint_file.hpp"

namespace ijepa {

std::string manifest_text(const CheckpointManifest& manifest);
/// An Error when the text is no manifest, does not have its own checksum, names tensors that are
/// incomplete, or is above the limits of parse_json(). `path` is for messages.
CheckpointManifest parse_manifest(const std::string& text, const std::string& path);

}  // namespace ijepa
