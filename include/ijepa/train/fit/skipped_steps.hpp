// SkippedSteps: what a run does about steps that are not finite: each is written down and told, the
// first of a row is explained as long as run.keep_replays allows, and too many in a row end the
// run.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "ijepa/train/fit/explained_step.hpp"
#include "ijepa/train/fit/run_log.hpp"

namespace ijepa {

class SkippedSteps {
 public:
  SkippedSteps(const PretrainRecipe& recipe, Communicator& comm, const Log& log)
      : settings_(recipe.run), comm_(comm), log_(log) {}

  /// A step was finite.
  void end_row() { in_row_ = 0; }
  std::int64_t in_row() const { return in_row_; }

  /// Every rank has the same `sums`, so every rank skips and repeats, and every rank stops.
  /// `images`: of this rank's part, indices into the shard set; `log`: rank 0's. An AgreedError
  /// with exit_code::not_finite where it is one too many. Collective.
  void skip(const ReplayedRun& run, const RankStep& step, const StepSums& sums,
            const std::vector<std::int64_t>& images, const TimeLeft& time, RunLog* log);

 private:
  void explain(const ReplayedRun& run, const RankStep& step, const TimeLeft& time, RunLog* log);
  /// Not below run.keep_replays: none is explained any more. `problem`: why replays cannot be
  /// counted.
  std::int64_t explained(std::string& problem);

  RunSettings settings_;
  Communicator& comm_;
  Log log_;
  std::int64_t in_row_ = 0;
  std::int64_t unkept_ = 0;      // explained by this process, without a replay
  bool told_of_enough_ = false;  // by this process
  std::string replay_;           // of the first of the row
};

}  // namespace ijepa
