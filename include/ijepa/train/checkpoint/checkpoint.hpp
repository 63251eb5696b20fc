// CheckpointStore: saves and finds the checkpoints of a run. A checkpoint appears under its name
// only when every byte of it is on disk, so a kill at any moment leaves the former ones as they
// were.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"

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

/// What is known about steps when one is saved, on rank 0. The best and the newest healthy
/// checkpoint are kept beside those of the policy.
struct StepVerdict {
  std::int64_t healthy_until = -1;  // newest step at which features were seen to be healthy
  std::string figure;               // of which the saved step has the best value; empty: none
  double value = 0;
};

/// How a save ended, the same on every rank but for the times, which are this rank's.
struct SaveOutcome {
  std::int64_t step = 0;
  std::string folder;
  std::string problem;         // why nothing was saved; empty: it was
  std::string note;            // on rank 0: what went wrong after it was safe
  std::uint64_t bytes = 0;     // of the tensors, over all ranks
  double seconds = 0;          // of copying, writing and committing
  double blocked_seconds = 0;  // in which training waited
  bool saved() const { return problem.empty(); }
};

/// Writes a checkpoint to a folder of any name, in place of one that is there, from rank 0's
/// tensors. An Error leaves a former one untouched and nothing new under the name.
void save_weights(Communicator& comm, const std::string& folder, const CheckpointMeta& meta,
                  const std::vector<NamedTensor>& tensors);

/// What to do with tensors of the checkpoint that were not asked for.
enum class Unused : std::uint8_t { refuse, ignore };

/// Calls with a Communicator are collective: ranks share the reading and writing, and errors are
/// thrown on every rank as one AgreedError.
class CheckpointStore {
 public:
  CheckpointStore(std::string run_dir, const CheckpointPolicy& policy);

  /// Saves and waits for it; training saves by a CheckpointWriter. Every rank holds the same
  /// tensors. An Error (disk full, no permission, ...) leaves former checkpoints untouched and
  /// nothing under the new name. A checkpoint of the same step is replaced.
  SaveOutcome save(Communicator& comm, const CheckpointMeta& meta,
                   const std::vector<NamedTensor>& tensors) const;

  /// The newest folder whose every byte is as written; newer ones that are not are named in a
  /// warning. Nothing when the run has no checkpoint; an Error when it has some and all are broken,
  /// since going on would begin again from nothing.
  std::optional<std::string> newest_valid(Communicator& comm, const Log& log) const;

 private:
  std::string run_dir_;
  CheckpointPolicy policy_;
};

/// Fills `tensors` on every rank from a checkpoint folder, of which each rank reads its share, and
/// returns what it says beside them. An Error when a tensor is missing or has another shape or
/// type, or when one is left over.
CheckpointMeta load_checkpoint(Communicator& comm, const std::string& folder,
                               const std::vector<NamedTensor>& tensors,
                               Unused unused = Unused::refuse);
/// Only the step and the texts, on every rank.
CheckpointMeta load_checkpoint_meta(Communicator& comm, const std::string& folder);

}  // namespace ijepa
