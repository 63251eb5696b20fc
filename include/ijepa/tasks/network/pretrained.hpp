// Where a task's network comes from: a checkpoint's folder, or another program's file of weights
// in its place, read as it is; and what comes from it beside tensors.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/model/position_tables.hpp"
#include "ijepa/tasks/network/encoder_features.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "ijepa/train/weights/import.hpp"

namespace ijepa {

const char* name_of(EncoderChoice choice);
/// The choice that an encoder_identity() was made with, whatever stands after it.
EncoderChoice choice_of_identity(const std::string& identity);

/// What was named as checkpoint, or the newest valid one of a run folder; exactly one is named,
/// else an Error. What a file of weights holds is logged. Collective.
std::string find_checkpoint(const std::string& run, const std::string& checkpoint,
                            Communicator& comm, const Log& log);

/// find_checkpoint() of what is named, else the place that was `recorded` in a file. An Error says
/// that `what` is no longer there. Collective.
std::string find_recorded_checkpoint(const std::string& run, const std::string& checkpoint,
                                     const std::string& recorded, const std::string& what,
                                     Communicator& comm, const Log& log);

/// The configuration in a checkpoint, or what a file of weights says of its model; resolved.
/// `hints` say what such a file may leave out. Collective.
PretrainRecipe load_checkpoint_recipe(const std::string& checkpoint, Communicator& comm,
                                      const WeightHints& hints = {});

/// The device of a task, configured so, with `threads` a rank; 0: as many as it is configured with.
/// Collective.
std::unique_ptr<Device> open_task_device(ComputeSettings compute, std::int64_t threads,
                                         Communicator& comm, const Log& log);

/// An Error unless the network takes three channels: "..., but `what` red, green and blue."
void refuse_other_channels(const PretrainRecipe& recipe, const std::string& what,
                           const std::string& checkpoint, Communicator& comm);

/// Of the weights and the choice, as text: equal for equal weights alone. Collective.
std::string encoder_identity(const std::string& checkpoint, EncoderChoice choice,
                             Communicator& comm);

/// Fills `tensors`, named as checkpoints name them; what else is there is left out. Collective.
void load_pretrained(const std::string& checkpoint, const std::vector<NamedTensor>& tensors,
                     Communicator& comm, const WeightHints& hints = {});

/// The position tables that are not the fixed ones of its grid. Collective.
PositionTables load_positions(const std::string& checkpoint, Communicator& comm,
                              const WeightHints& hints = {});

/// The groups that it holds, "encoder", "predictor" and "target_encoder" among them; an encoder
/// that is not said to be either is the target encoder.
std::vector<std::string> groups_of_pretrained(const std::string& checkpoint);

}  // namespace ijepa
