// Same training: whether a checkpoint belongs to the training that would go on from it, or is what
// a task is asked with.
#pragma once
#include <map>
#include <optional>
#include <string>

#include "ijepa/train/checkpoint/checkpoint.hpp"

namespace ijepa {

/// All that changes a training's numbers ("settings", "images"), as texts that its checkpoints
/// hold.
using TrainingIdentity = std::map<std::string, std::string>;

/// An Error, which names `folder`, when `meta` is of another training. `option` chooses another
/// folder.
void require_same_training(const CheckpointMeta& meta, const TrainingIdentity& mine,
                           const std::string& folder, const std::string& option);

struct TrainingCheckpoint {
  std::string folder;
  CheckpointMeta meta;
};
/// The newest in FOLDER/checkpoints, nothing where there is none. An Error when it is of another
/// training. Collective.
std::optional<TrainingCheckpoint> newest_of_training(const std::string& folder,
                                                     const TrainingIdentity& mine,
                                                     const std::string& option, Communicator& comm,
                                                     const Log& log);

/// What a task's training leaves.
struct TrainedKind {
  const char *what, *made;  // "classifier", "ijepa-classify train wrote"
  const char* key;          // of the text in its checkpoints that tells of it
};

/// The newest checkpoint in a folder that such a training wrote, or that checkpoint's own folder.
/// An Error when there is none. Collective.
std::string find_trained(const TrainedKind& kind, const std::string& folder, Communicator& comm,
                         const Log& log);

/// What a checkpoint tells of itself. An Error when it is none of this kind. Collective.
std::string text_of_trained(const TrainedKind& kind, const std::string& checkpoint,
                            Communicator& comm);

}  // namespace ijepa
