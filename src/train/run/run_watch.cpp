#include "ijepa/train/run/run_watch.hpp"

#include <filesystem>
#include <nlohmann/json.hpp>

#include "ijepa/train/logs/metrics_log.hpp"
#include "ijepa/train/logs/progress.hpp"

namespace ijepa {
namespace {

void write_event(const HangReport& report, const std::string& run_dir, const Log& log) try {
  nlohmann::json ranks = nlohmann::json::array();
  for (const WatchedRank& r : report.ranks) {
    ranks.push_back({{"rank", r.rank},
                     {"host", r.host},
                     {"step", r.state.step},
                     {"phase", name_of(r.state.phase)},
                     {"phase_seconds", r.state.phase_seconds},
                     {"collective_calls", r.state.calls},
                     {"late", r.late}});
    if (r.silence >= 0) ranks.back()["silent_seconds"] = r.silence;
  }
  EventLog((std::filesystem::path(run_dir) / "events.jsonl").string(), log)
      .write("hang", {{"reason", report.reason},
                      {"text", report.text},
                      {"reporter", report.reporter},
                      {"ranks", std::move(ranks)}});
} catch (const std::exception& e) {
  log.warn("The hang could not be written to events.jsonl: {}", e.what());
}

}  // namespace

WatchLimits watch_limits(const PretrainRecipe& recipe, const Log& log) {
  const RunSettings& run = recipe.run;
  return {.silence = run.hang_seconds,
          .standstill = run.standstill_seconds,
          .stop_grace = run.stop_grace_seconds,
          .notice = run.wait_notice_seconds,
          .on_hang = [dir = run.dir, log](const HangReport& r) { write_event(r, dir, log); }};
}

Deadline run_deadline(const PretrainRecipe& recipe, const Communicator& comm, const Log& log) {
  if (comm.rank() != 0) return Deadline({});
  const DeadlineSettings settings{.job_seconds = seconds_to_job_end(process_environment(), log),
                                  .slice_seconds = recipe.run.max_seconds,
                                  .margin_seconds = recipe.run.stop_margin_seconds};
  if (settings.job_seconds)
    log.info("The job ends in {}; the run saves and stops in time.",
             duration_text(*settings.job_seconds));
  return Deadline(settings);
}

}  // namespace ijepa
