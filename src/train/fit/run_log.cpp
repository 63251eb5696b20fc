#include "ijepa/train/fit/run_log.hpp"

#include <cmath>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/logs/board_values.hpp"
#include "ijepa/train/run/run_start.hpp"

namespace ijepa {
namespace {

std::string path_in(const PretrainRecipe& recipe, const char* name) {
  return (std::filesystem::path(recipe.run.dir) / name).string();
}

RowPlace row_of(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t step) {
  const StepPlace place = place_of(step, plan.steps_per_epoch, recipe.optim.global_batch);
  return {place.epoch + 1, place.iteration, plan.steps_per_epoch};
}

}  // namespace

RunLog::RunLog(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t steps,
               double feature_cost, const std::optional<HealthMonitor>& monitor, const Log& log)
    : log_every_(recipe.run.log_every),
      total_steps_(plan.total_steps),
      steps_per_epoch_(plan.steps_per_epoch),
      pixel_steps_(plan.pixel_steps),
      features_(recipe.loss.features > 0),
      log_(log),
      metrics_(path_in(recipe, "metrics.csv"), row_of(recipe, plan, steps), log),
      events_(path_in(recipe, "events.jsonl"), log),
      progress_({.total_steps = plan.total_steps,
                 .first_steps = plan.pixel_steps,
                 .later_cost = feature_cost,
                 .log_every = recipe.run.log_every,
                 .display = display_of_stderr()}) {
  if (recipe.run.tensorboard) board_ = open_board(recipe.run.dir, steps, monitor, log);
}

void RunLog::event(std::string_view name, const nlohmann::json& fields) {
  events_.write(name, fields);
}

void RunLog::step(std::int64_t steps, const StepMetrics& metrics, double peak_share) {
  metrics_.append(metrics);
  if (board_ && (steps % log_every_ == 0 || steps == total_steps_))
    board_->add(steps, board_values(metrics));
  progress_.step(steps, metrics, peak_share);
  if (steps == pixel_steps_)
    info(
        "step {}: until here the network was a masked autoencoder; now it predicts features, so "
        "the loss is another.",
        steps);
}

bool RunLog::health(std::int64_t steps, HealthMonitor::Look look, const HealthMonitor& monitor,
                    const std::optional<Health>& before) {
  const Health health = look.health;
  const Predicts predicted = predicts(steps);
  if (board_) show(*board_, steps, std::move(look), monitor, predicted);
  nlohmann::json fields{{"step", steps}, {"images", health.images}, {"width", health.width}};
  for (const auto& figure : health_figures)
    if (figure.told(predicted)) fields[std::string(figure.name)] = health.*figure.value;
  event("health", fields);
  info("step {}: {}", steps, health_line(health, predicted));
  const auto found = warnings(health, before ? &*before : nullptr, predicted);
  for (const std::string& warning : found) {
    warn("step {}: {}", steps, warning);
    event("collapse_warning", {{"step", steps}, {"text", warning}});
  }
  return found.empty();
}

void RunLog::evaluation(std::int64_t steps, const Evaluation::Result& result, double seconds) {
  nlohmann::json fields{{"step", steps}, {"epoch", steps / steps_per_epoch_}, {"seconds", seconds}};
  std::string line;
  std::vector<EventValue> shown;
  for (const auto& [name, value] : result.figures) {
    fields[name] = value;
    shown.push_back({"evaluation/" + name, value});
    line += fmt::format(", {} {:.1f} %", name, 100 * value);
  }
  event("evaluation", fields);
  if (board_) board_->add(steps, std::move(shown));
  info("step {}: evaluation{}", steps, line);
}

void RunLog::evaluation_failed(std::int64_t steps, const std::string& reason) {
  warn("step {}: no evaluation: {} Training goes on.", steps, reason);
  event("evaluation_failed", {{"step", steps}, {"reason", reason}});
}

void RunLog::save(const SaveOutcome& o, double next_try) {
  if (!o.saved()) {
    if (next_try > 0)
      warn("{}\nTraining goes on; the next try is in {:.0f} s at the latest.", o.problem,
           std::ceil(next_try));
    event("save_failed", {{"step", o.step}, {"reason", o.problem}});
    return;
  }
  info("step {}: saved {} ({:.1f} MiB in {:.2f} s; training waited {:.3f} s)", o.step, o.folder,
       static_cast<double>(o.bytes) / 1048576.0, o.seconds, o.blocked_seconds);
  event("saved", {{"step", o.step},
                  {"folder", o.folder},
                  {"bytes", o.bytes},
                  {"seconds", o.seconds},
                  {"blocked_seconds", o.blocked_seconds}});
  if (!o.note.empty()) warn("step {} is saved, but: {}", o.step, o.note);
}

void RunLog::skipped(const StepPlace& place, const StepSums& sums) {
  warn("step {}: loss {} and gradient norms {} and {}: the update is skipped.", place.step,
       sums.loss, sums.encoder_gradient, sums.predictor_gradient);
  event("non_finite", {{"step", place.step},
                       {"epoch", place.epoch},
                       {"first_position", place.batch_position},
                       {"loss", sums.loss},
                       {"encoder_gradient", sums.encoder_gradient},
                       {"predictor_gradient", sums.predictor_gradient}});
}

void RunLog::explained(const StepPlace& place, const Explanation& explanation) {
  nlohmann::json fields{{"step", place.step}, {"explanation", explanation.said}};
  warn("{}", explanation.said);
  if (!explanation.file.empty()) {
    info("ijepa-pretrain --replay {} repeats it.", explanation.file);
    fields["replay"] = explanation.file;
  }
  event("non_finite_explained", fields);
}

std::string run_summary(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t steps,
                        double loss, const std::optional<Health>& health) {
  const std::string& run = recipe.run.dir;
  const std::filesystem::path train = recipe.data.shards, test = train.parent_path() / "test";
  const bool has_test = !recipe.data.shards.empty() && std::filesystem::exists(test);
  const bool sliced = steps == recipe.optim.max_steps;
  std::string what =
      fmt::format("Finished: {} steps, {:.4g} epochs", steps,
                  static_cast<double>(steps) / static_cast<double>(plan.steps_per_epoch));
  if (std::isfinite(loss)) what += fmt::format(", loss {:.4f}", loss);
  if (health) what += fmt::format(", rankme {:.1f}", health->rankme);
  return fmt::format(
      "{}. The weights are in {}.\n"
      "What its features are worth:  ijepa-probe --run {} --test {}\n"
      "A page of it to read:         ijepa-plot report {}\n"
      "To train it longer:           the same command with a larger {}",
      what, checkpoint_folder(run, steps), run, has_test ? test.string() : "SHARDS", run,
      sliced ? "optim.max_steps" : "optim.epochs and --extend");
}

}  // namespace ijepa
