#include "ijepa/train/fit/skipped_steps.hpp"

#include "ijepa/comm/agree.hpp"
#include "ijepa/train/fit/non_finite.hpp"
#include "ijepa/train/fit/replay_file.hpp"

namespace ijepa {

void SkippedSteps::skip(const ReplayedRun& run, const RankStep& step, const StepSums& sums,
                        const std::vector<std::int64_t>& images, const TimeLeft& time,
                        RunLog* log) {
  const StepPlace& place = step.place();
  // Before anything that takes long, or that a job may end in.
  if (log != nullptr) log->skipped(place, sums);
  write_non_finite(settings_.dir, {place, sums, comm_.rank(), images}, run.shards, run.engine,
                   log_);
  if (in_row_++ == 0) {
    replay_.clear();
    if (settings_.keep_replays > 0) explain(run, step, time, log);
  }
  if (in_row_ <= settings_.nan_limit) return;
  throw AgreedError(non_finite_end(settings_.dir, in_row_, place.step, replay_),
                    exit_code::not_finite);
}

void SkippedSteps::explain(const ReplayedRun& run, const RankStep& step, const TimeLeft& time,
                           RunLog* log) {
  comm_.activity().enter(Phase::agreeing, step.place().step);
  std::string problem;
  if (explained(problem) >= settings_.keep_replays) {
    if (log != nullptr && !std::exchange(told_of_enough_, true))
      log->info(
          "step {}: not repeated, as run.keep_replays = {} of this run have been, nor are "
          "later ones: {}/non_finite has what repeats them.",
          step.place().step, settings_.keep_replays, settings_.dir);
    return;
  }
  const Explanation found = explain_step(run, step, time, problem, comm_, log_);
  replay_ = found.file;
  unkept_ += found.file.empty() ? 1 : 0;
  if (log != nullptr) log->explained(step.place(), found);
}

// As rank 0 sees the folder: what earlier starts of the run kept counts.
std::int64_t SkippedSteps::explained(std::string& problem) {
  std::int64_t count = unkept_;
  if (comm_.rank() == 0) {
    try {
      count += count_replays(settings_.dir);
    } catch (...) {
      problem = message_of(std::current_exception());
    }
  }
  comm_.broadcast(std::as_writable_bytes(std::span(&count, 1)), 0);
  return count;
}

}  // namespace ijepa
