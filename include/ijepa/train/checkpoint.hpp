// CheckpointStore: saves and finds the checkpoints of a run. A checkpoint appears under its name
// only when every byte of it is on disk, so a kill at any moment leaves the former ones as they
// were.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/train/checkpoint_file.hpp"

namespace ijepa {

/// A tensor in host memory, to be saved from or loaded to. Groups and names are those of the file:
/// "encoder" and "blocks.0.attn.qkv.weight".
struct NamedTensor {
  std::string group, name;
  std::vector<std::int64_t> shape;
  DType dtype = DType::f32;
  void* data = nullptr;
};

struct CheckpointPolicy {
  std::int64_t keep_last = 2;   // at least 1
  std::int64_t keep_every = 0;  // steps that are multiples of this are never removed; 0: none
};

struct SavedCheckpoint {
  std::string folder;
  std::uint64_t bytes = 0;  // of the tensors
  double seconds = 0;
};

/// Writes a checkpoint to a folder of any name, in place of one that is there, from rank 0's
/// tensors. An Error leaves a former one untouched and nothing new under the name.
void save_weights(Communicator& comm, const std::string& folder, const CheckpointMeta& meta,
                  const std::vector<NamedTensor>& tensors);

/// What to do with tensors of the checkpoint that were not asked for.
enum class Unused : std::uint8_t { refuse, ignore };

/// Calls with a Communicator are collective; rank 0 does the file work, and its errors are thrown
/// on every rank as one AgreedError.
class CheckpointStore {
 public:
  CheckpointStore(std::string run_dir, const CheckpointPolicy& policy);

  /// Every rank holds the same tensors. An Error (disk full, no permission, ...) leaves former
  /// checkpoints untouched and nothing under the new name. A checkpoint of the same step is
  /// replaced.
  SavedCheckpoint save(Communicator& comm, const CheckpointMeta& meta,
                       const std::vector<NamedTensor>& tensors) const;

  /// The newest folder whose every byte is as written; newer ones that are not are named in a
  /// warning. Nothing when the run has no checkpoint; an Error when it has some and all are broken,
  /// since going on would begin again from nothing.
  std::optional<std::string> newest_valid(Communicator& comm, const Log& log) const;

 private:
  std::string run_dir_;
  CheckpointPolicy policy_;
};

/// Fills `tensors` on every rank from a checkpoint folder and returns what it says beside them. An
/// Error when a tensor is missing or has another shape or type, or when one is left over.
CheckpointMeta load_checkpoint(Communicator& comm, const std::string& folder,
                               const std::vector<NamedTensor>& tensors,
                               Unused unused = Unused::refuse);
/// Only the step and the texts, on every rank.
CheckpointMeta load_checkpoint_meta(Communicator& comm, const std::string& folder);

}  // namespace ijepa
