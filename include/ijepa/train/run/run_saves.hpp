// RunSaves: when a run saves, and what becomes of it. By steps, by minutes, at a new best figure,
// and again, with growing pauses, after a save that failed; which stops nothing but the end of the
// run.
#pragma once
#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include "ijepa/train/checkpoint/checkpoint_writer.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// When the next save is due. Time is that of one rank, which tells the others.
class SaveCadence {
 public:
  using Clock = std::chrono::steady_clock;

  SaveCadence(const RunSettings& run, Clock::time_point now);

  /// The same on every rank.
  bool due_by_steps(std::int64_t step) const;
  /// Minutes since a save began, or the pause after a failure is over.
  bool due_by_time(Clock::time_point now) const;
  void begun(Clock::time_point now);
  void saved() { pause_ = {}; }
  /// Until the next try: the setting's pause, doubled with each failure, at most the cadence of
  /// minutes where there is one, else an hour.
  std::chrono::duration<double> failed(Clock::time_point now);

 private:
  std::int64_t steps_, kept_steps_;                       // 0: none
  std::chrono::duration<double> interval_, first_pause_;  // interval 0: none
  Clock::time_point begun_;
  std::chrono::duration<double> pause_{};  // since the last failure; 0: it succeeded
  Clock::time_point failed_;
};

class RunSaves {
 public:
  /// Called on every rank when a save has ended. Where it failed, `next_try` is in how many seconds
  /// at the latest; 0: the run ends.
  using Report = std::function<void(const SaveOutcome&, double next_try)>;

  RunSaves(const RunSettings& run, std::vector<NamedTensor> tensors, Communicator& comm,
           CopyToHost copy, Report report);

  /// The run goes on from the checkpoint of this step.
  void resumed_from(std::int64_t step) { saved_step_ = step; }
  /// Whether the checkpoint of this step is on disk or on its way.
  bool has(std::int64_t step) const;
  /// Of the newest checkpoint known to be on disk; -1: there is none.
  std::int64_t saved_step() const { return saved_step_; }

  /// On rank 0, after `step` steps: features are healthy. The newest checkpoint not after it is
  /// protected.
  void mark_healthy(std::int64_t step) { healthy_until_ = step; }
  /// On rank 0, after `step` steps and before the step boundary's agreement: `value` is the figure
  /// of the weights as they are, more is better. Where run.keep_best names this figure and it is
  /// the run's best, this step is saved, and kept until a better one is.
  void mark_best(KeepBest figure, std::int64_t step, double value);

  /// Whether this rank wants a save after `step` steps, and whether it is still writing one: for
  /// the agreement of a step boundary.
  bool wanted(std::int64_t step) const;
  bool busy() const { return writer_.busy(); }
  /// With what was agreed. Every rank, every step boundary.
  void advance(bool any_rank_busy);
  /// Begins a save; waits for the former one if that is still in flight. Every rank.
  void begin(const CheckpointMeta& meta);
  /// Waits for a save in flight, however it ends. Every rank.
  void settle();
  /// The run ends after `step` steps: an AgreedError if the newest save failed. Every rank.
  void finish(std::int64_t step);

 private:
  enum class Then : std::uint8_t { train, end };
  void ended(const SaveOutcome& outcome, Then then);

  SaveCadence cadence_;
  KeepBest keep_best_;
  Communicator& comm_;
  CheckpointWriter writer_;
  Report report_;
  // On rank 0: the step to be saved as the best, the best that is being saved or was, and what is
  // known of the features.
  std::int64_t best_step_ = -1;
  double marked_value_ = 0, best_value_;
  std::int64_t healthy_until_ = -1;
  std::int64_t saved_step_ = -1, begun_step_ = -1;
  std::string problem_;  // of the last save
};

}  // namespace ijepa
