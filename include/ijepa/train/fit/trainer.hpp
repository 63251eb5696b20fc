// Trainer: a pretraining run on one rank, from the run folder to the last checkpoint. Everything a
// step needs follows from its number, so going on after an interruption is setting that number.
#pragma once
#include <chrono>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/communicator.hpp"
#include "ijepa/comm/deadline.hpp"
#include "ijepa/comm/stop_signal.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/loading/loader.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/fit/attention_ahead.hpp"
#include "ijepa/train/fit/repeated_step.hpp"
#include "ijepa/train/fit/run_log.hpp"
#include "ijepa/train/fit/skipped_steps.hpp"
#include "ijepa/train/health/evaluation.hpp"
#include "ijepa/train/health/health_monitor.hpp"
#include "ijepa/train/recipe/schedule.hpp"
#include "ijepa/train/run/run_lock.hpp"
#include "ijepa/train/run/run_saves.hpp"
#include "ijepa/train/step/engine.hpp"
#include "ijepa/train/step/initial_weights.hpp"
#include "ijepa/train/step/memory_plan.hpp"

namespace ijepa {

enum class Outcome : std::uint8_t { finished, interrupted };

class Trainer {
 public:
  /// Collective. Takes the run folder, opens the data, builds the model and goes to the newest
  /// valid checkpoint, if there is one. An Error says what does not fit. Interrupted: a signal came
  /// while shards were copied. `make_evaluation` is used where recipe.eval asks for one. A new run
  /// begins with `start`, which is saved before the first step.
  Trainer(const PretrainRecipe& recipe, const Cluster& cluster, Communicator& comm,
          const StopSignal& stop, const Log& log, const EvaluationFactory& make_evaluation = {},
          const InitialWeights& start = {});

  /// Trains until the last step, until a rank receives a stop signal or until rank 0's clock says
  /// that the job ends; saves at the end of all, and at intervals while it goes on. An AgreedError
  /// if the save at the end fails.
  Outcome run();
  /// Why it was interrupted.
  StopReason stop_reason() const { return stop_reason_; }
  /// Of a finished run: what came out of it, and the commands that say what it is worth.
  std::string summary() const {
    return run_summary(recipe_, plan_, step_, last_loss_, last_health_);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void begin(const InitialWeights& start);
  void restore(const InitialWeights& start);
  void start_logs();
  double feature_cost() const;
  void start_loader();

  Outcome train();
  StepMetrics train_step();
  StepSums forward_and_backward(const RankStep& step);
  std::vector<std::vector<std::uint8_t>> survey(const RankStep& step);
  std::span<const std::uint8_t> load(const RankStep& step);
  void update(const StepPlace& place, const StepSums& sums);
  void skip(const RankStep& step, const StepSums& sums);
  TimeLeft time_left() const;
  void report(const StepMetrics& metrics);

  bool health_is_due() const;
  void check_health();
  bool evaluation_is_due() const;
  void evaluate();
  StopReason stop_is_due() const;
  /// Whether the run ends here, for now.
  bool save_or_stop();
  void save();
  /// What a checkpoint says beside its tensors.
  std::map<std::string, std::string> texts() const;
  void report_save(const SaveOutcome& outcome, double next_try);
  void warn_of_kill_time();

  PretrainRecipe recipe_;
  Cluster cluster_;
  Communicator& comm_;
  const StopSignal& stop_;
  Log log_;
  std::unique_ptr<RunLock> lock_;  // rank 0
  ShardSet shards_;
  RunPlan plan_;
  Schedule schedule_;
  std::unique_ptr<Device> device_;
  std::string arithmetic_;  // of all ranks, see arithmetic_of()
  Engine engine_;
  std::string started_from_;  // InitialWeights::said of this run
  PositionTables positions_;  // that are not the fixed ones
  RunSaves saves_;
  Clock::time_point begin_ = Clock::now();
  Deadline deadline_;  // rank 0's is obeyed
  StopReason stop_reason_ = StopReason::none;
  std::int64_t step_ = 0;        // the next one
  std::int64_t steps_here_ = 0;  // of this process
  bool warned_of_kill_time_ = false;
  double last_loss_ = std::numeric_limits<double>::quiet_NaN();  // of this process
  SkippedSteps skipped_;
  StepFlops step_flops_;
  double flops_ = 0;       // of rank 0 in the last step, without recomputation
  double peak_flops_ = 0;  // a second, of this rank's device
  std::optional<AttentionAhead> ahead_;
  std::unique_ptr<Loader> loader_;
  std::optional<Activity::Progress> images_read_;
  std::vector<std::int64_t> step_images_;        // of this rank, as they were loaded
  std::optional<HealthMonitor> health_monitor_;  // rank 0
  std::optional<Health> last_health_;
  std::optional<RunLog> run_log_;  // rank 0
  std::unique_ptr<Evaluation> evaluation_;
};

}  // namespace ijepa
