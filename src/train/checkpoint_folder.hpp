// A checkpoint's folder as one process writes and removes it: it appears under its name only when
// every byte of it is on disk.
#pragma once
#include <string>
#include <vector>

#include "checkpoint_part.hpp"

namespace ijepa {

/// Writes the folder `target`, RUN/checkpoints/NAME, replacing one of that name. After an Error the
/// former ones are untouched and nothing is left under the new name.
void write_checkpoint_folder(const std::string& target, const CheckpointMeta& meta,
                             const std::vector<StoredTensor>& tensors, const TensorBytes& bytes_of);

/// Renames it to a name that nobody takes for a checkpoint's, then removes it, so that a kill in
/// mid-removal leaves none in halves.
void retire_checkpoint(const std::string& name);

}  // namespace ijepa
