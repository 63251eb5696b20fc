// RunLog: what rank 0 of a run tells while it trains: lines for a person, metrics.csv,
// events.jsonl, and TensorBoard's event files.
#pragma once
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <utility>

#include "ijepa/core/log.hpp"
#include "ijepa/train/fit/explained_step.hpp"
#include "ijepa/train/health/evaluation.hpp"
#include "ijepa/train/health/health_monitor.hpp"
#include "ijepa/train/logs/board.hpp"
#include "ijepa/train/logs/metrics_log.hpp"
#include "ijepa/train/logs/progress.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/step/engine.hpp"

namespace ijepa {

class RunLog {
 public:
  /// For a run of which `steps` are done; a step of features takes as long as `feature_cost` of
  /// pixels. Without a board if the recipe wants none.
  RunLog(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t steps, double feature_cost,
         const std::optional<HealthMonitor>& monitor, const Log& log);

  void event(std::string_view name, const nlohmann::json& fields);
  /// Takes the live line away, until the next step.
  void clear() { progress_.clear(); }
  /// Lines that stand by themselves, above the live one.
  template <class... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) {
    progress_.clear();
    log_.info(text, std::forward<Args>(args)...);
  }
  template <class... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) {
    progress_.clear();
    log_.warn(text, std::forward<Args>(args)...);
  }

  /// After `steps` steps; `peak_share` as for Progress.
  void step(std::int64_t steps, const StepMetrics& metrics, double peak_share);
  /// Returns whether the features are healthy, compared with `before`, the last look.
  bool health(std::int64_t steps, HealthMonitor::Look look, const HealthMonitor& monitor,
              const std::optional<Health>& before);
  void evaluation(std::int64_t steps, const Evaluation::Result& result, double seconds);
  void evaluation_failed(std::int64_t steps, const std::string& reason);
  /// `next_try` as for RunSaves::Report.
  void save(const SaveOutcome& outcome, double next_try);
  void skipped(const StepPlace& place, const StepSums& sums);
  /// After that, which is told at once: to find an explanation takes long.
  void explained(const StepPlace& place, const Explanation& explanation);

 private:
  /// What the last of `steps` steps learned.
  Predicts predicts(std::int64_t steps) const {
    return features_ && steps > pixel_steps_ ? Predicts::features : Predicts::pixels;
  }

  std::int64_t log_every_, total_steps_, steps_per_epoch_, pixel_steps_;
  bool features_;  // are predicted at all
  Log log_;
  MetricsLog metrics_;
  EventLog events_;
  Progress progress_;
  std::unique_ptr<Board> board_;
};

/// Of a run that is finished after `steps` steps: what came out of it, and the commands that say
/// what it is worth. `loss`: the last one, or not finite.
std::string run_summary(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t steps,
                        double loss, const std::optional<Health>& health);

}  // namespace ijepa
