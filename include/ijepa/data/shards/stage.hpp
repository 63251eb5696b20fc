// Stage: a copy of the shards on the node's own disk, made once a node. Whoever takes the lock
// first copies, everyone else on the node waits for it; the kernel drops the lock of a killed
// process and every shard is renamed into place when complete, so the next one goes on where it
// stopped.
#pragma once
#include <cstdint>
#include <functional>
#include <string>

#include "ijepa/core/log.hpp"

namespace ijepa {

struct StageOptions {
  /// Asked between chunks of a copy and while waiting; true ends both with Interrupted.
  std::function<bool()> interrupted;
  double seconds_between_lines = 10;  // of progress in the log
};

/// Copies the shard set `source` (a folder or one file) into a folder of `stage_dir` named by the
/// set's fingerprint, unless it is there, and returns the path to open instead of `source`. Called
/// by every process of a node, of any number of jobs. `stage_dir` must be a local disk. Error: not
/// enough space, a file system without locks, a copy that differs from its source.
std::string stage_shards(const std::string& source, const std::string& stage_dir,
                         const StageOptions& options = {}, const Log& log = Log());

/// An Error that says what to do if the file system of `folder` has no room for `bytes` more.
void check_space(const std::string& folder, std::int64_t bytes);

}  // namespace ijepa
