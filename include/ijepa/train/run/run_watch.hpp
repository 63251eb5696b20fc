// RunWatch: how a run's settings limit its time: what the watch beside each rank is to tolerate,
// and when the run stops by itself.
#pragma once
#include "ijepa/comm/activity.hpp"
#include "ijepa/comm/deadline.hpp"
#include "ijepa/comm/watch.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// Limits of the recipe; a hang is also written to RUN/events.jsonl, by whichever rank reports it.
WatchLimits watch_limits(const PretrainRecipe& recipe, const Log& log);

/// When this run stops by itself. Only rank 0 asks the batch system and says what it learnt; the
/// others' deadline never comes.
Deadline run_deadline(const PretrainRecipe& recipe, const Communicator& comm, const Log& log);

}  // namespace ijepa
