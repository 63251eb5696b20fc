#include "ijepa/train/fit/skipped_steps.hpp"

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "ijepa/train/fit/replay.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/step/engine.hpp"

namespace ijepa {
namespace {

/// A rank's part of a step.
struct NonFiniteStep {
  StepPlace place;
  StepSums sums;
  int rank = 0;
  std::vector<std::int64_t> images;  // indices into the shard set, micro-batch by micro-batch
};

using Json = nlohmann::ordered_json;

/// JSON has no word for the values that matter here.
Json number(double value) {
  if (std::isfinite(value)) return value;
  return std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/// "encoder.blocks.3", "predictor.predictor_embed": the part of the network a parameter belongs to.
std::string part_of_network(const ParamInfo& parameter) {
  const std::string& name = parameter.name;
  auto end = name.find('.');
  const auto blocks = name.find("blocks.");
  if (blocks != std::string::npos) end = name.find('.', blocks + 7);
  return parameter.group + "." + name.substr(0, end);
}

Json gradient_norms(Engine& engine) {
  std::vector<std::string> order;
  std::map<std::string, ParamRange> ranges;
  for (const ParamInfo& p : engine.model().layout().infos()) {
    const std::string part = part_of_network(p);
    const auto [at, is_new] = ranges.try_emplace(part, ParamRange{p.offset, p.offset + p.size});
    if (is_new) order.push_back(part);
    at->second.end = p.offset + p.size;
  }
  Json norms;
  for (const std::string& part : order) norms[part] = number(engine.gradient_norm(ranges[part]));
  return norms;
}

Json micro_batches(const NonFiniteStep& step, const ShardSet& shards, const Engine& engine) {
  const std::vector<double>& losses = engine.micro_losses();
  Json all = Json::array();
  for (std::size_t m = 0; m < losses.size(); ++m) {
    Json one{{"loss", number(losses[m])}, {"images", Json::array()}};
    const std::size_t count = step.images.size() / losses.size();
    for (std::size_t i = m * count; i < (m + 1) * count; ++i)
      one["images"].push_back(shards.key(step.images[i]));
    all.push_back(std::move(one));
  }
  return all;
}

/// RUN/non_finite/step_N.rank_R.json: this rank's loss and image keys of each micro-batch, and the
/// norms of the summed gradients block by block. `engine` is as finish() left it. Where it cannot
/// be written, that is a warning.
void write_non_finite(const std::string& run_dir, const NonFiniteStep& step, const ShardSet& shards,
                      Engine& engine, const Log& log) try {
  const auto folder = std::filesystem::path(run_dir) / "non_finite";
  make_folder(folder.string());
  const std::string path =
      (folder / fmt::format("step_{}.rank_{}.json", step.place.step, step.rank)).string();
  const Json page{{"step", step.place.step},
                  {"epoch", step.place.epoch},
                  {"first_position", step.place.batch_position},
                  {"rank", step.rank},
                  {"host", host_name()},
                  {"loss_of_all_ranks", number(step.sums.loss)},
                  {"encoder_gradient", number(step.sums.encoder_gradient)},
                  {"predictor_gradient", number(step.sums.predictor_gradient)},
                  {"micro_batches", micro_batches(step, shards, engine)},
                  {"gradient_norms", gradient_norms(engine)}};
  write_file_atomically(path,
                        page.dump(1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
} catch (const std::exception& e) {
  log.warn("step {}: what is not finite could not be written down: {}", step.place.step, e.what());
}

/// Why a run ends after `steps` such steps in a row. `replay`: what repeats the first of them; "":
/// nothing does.
std::string non_finite_end(const std::string& run_dir, std::int64_t steps, std::int64_t last_step,
                           const std::string& replay) {
  const std::string repeat =
      replay.empty()
          ? ""
          : fmt::format("repeat the first of them by ijepa-pretrain --replay {}, ", replay);
  return fmt::format(
      "Loss or gradients were not finite in {} steps in a row, up to step {}: {}lower optim.lr, "
      "set optim.clip_grad, or look at the images named in {}/non_finite. The last checkpoint is "
      "from "
      "before them.",
      steps, last_step, repeat, run_dir);
}

}  // namespace

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
