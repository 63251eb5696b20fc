// What ijepa-inspect says about a checkpoint.
#pragma once
#include <string>

#include "ijepa/train/checkpoint/checkpoint_file.hpp"

namespace ijepa::tools {

/// Step, parts, tensors and bytes by group, then the texts stored with it, such as the
/// configuration.
std::string describe_checkpoint(const CheckpointManifest& manifest, const std::string& folder);

/// One line a tensor: group, name, type, shape, checksum (of each piece).
std::string tensor_lines(const CheckpointManifest& manifest);

/// A run's checkpoints as a table, newest first: step, bytes, parts, state, and why it is kept.
struct RunCheckpoints {
  std::string text;
  int damaged = 0;
};
/// Without `verify` a checkpoint is sound when its manifest is and all parts have their size; with
/// it, when every byte is as written.
RunCheckpoints describe_run(const std::string& run_dir, bool verify);

}  // namespace ijepa::tools
