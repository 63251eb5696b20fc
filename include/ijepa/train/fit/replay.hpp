// Replay: why a step was not finite. In a run, all ranks repeat their parts of it and one writes
// what repeats the first fault; ijepa-pretrain --replay repeats that, anywhere.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/shard_set.hpp"
#include "ijepa/train/fit/rank_step.hpp"

namespace ijepa {

/// What of a run repeats a step.
struct ReplayedRun {
  const PretrainRecipe& recipe;
  const RunPlan& plan;
  const ShardSet& shards;
  Device& device;
  Engine& engine;                            // with the weights of the step
  std::map<std::string, std::string> texts;  // of a checkpoint
};

/// A sentence, and the replay's path where one was written.
struct Explanation {
  std::string said, file;
};

/// The step repeated, from the data on, with every operation checked; and the replay of the rank
/// whose part went wrong first, unless the run has run.keep_replays of them. The same on every
/// rank. Weights, moments and what follows in the run stay as they are; a failure is a sentence
/// like any other. Collective.
Explanation explain_step(const ReplayedRun& run, const RankStep& step, Communicator& comm,
                         const Log& log);

struct Replayed {
  std::string said;  // as the run said it, where it is not finite again
  bool finite = false;
};

/// The replay at `path`, repeated with the `settings` ("compute.key=value") changed. An Error where
/// it is damaged or none, or on more than one rank.
Replayed replay(const std::string& path, const std::vector<std::string>& settings,
                const Cluster& cluster, Communicator& comm, const Log& log);

}  // namespace ijepa
