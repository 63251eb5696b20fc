// A step of a run that was not finite, explained: all ranks repeat their parts of it, the one whose
// part went wrong first is named, and it writes what --replay repeats.
#pragma once
#include <functional>
#include <limits>
#include <map>
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/clock.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/train/fit/repeated_step.hpp"

namespace ijepa {

/// What of a run repeats a step.
struct ReplayedRun {
  const PretrainRecipe& recipe;
  const RunPlan& plan;
  const ShardSet& shards;
  Device& device;
  Engine& engine;                            // with the weights and the losses of the step
  std::map<std::string, std::string> texts;  // of a checkpoint
};

/// How long a run may see to a step that it skips.
class TimeLeft {
 public:
  /// From now on; `stopped`: whether this process is asked to stop before.
  explicit TimeLeft(double seconds = std::numeric_limits<double>::infinity(),
                    std::function<bool()> stopped = {})
      : seconds_(seconds), stopped_(std::move(stopped)) {}

  double seconds() const { return seconds_ - seconds_since(begin_); }
  bool over() const { return (stopped_ && stopped_()) || seconds() <= 0; }

 private:
  Clock::time_point begin_ = Clock::now();
  double seconds_;
  std::function<bool()> stopped_;
};

/// A sentence, and the replay's path where one was written.
struct Explanation {
  std::string said, file;
};

/// The step repeated, from the data on, with every operation checked, and the replay of the rank
/// whose part went wrong first, unless `obstacle` says why none can be written. Micro-batches whose
/// own loss was not finite come first, for no other can be the cause; then the whole step. Ranks
/// agree after each, and all leave when one has found something or has no `time` left. The same on
/// every rank. Weights, moments and what follows in the run stay as they are; a failure is a
/// sentence like any other. Collective.
Explanation explain_step(const ReplayedRun& run, const RankStep& step, const TimeLeft& time,
                         const std::string& obstacle, Communicator& comm, const Log& log);

}  // namespace ijepa
