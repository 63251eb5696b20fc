#include "ijepa/train/fit/replay.hpp"

#include <algorithm>
#include <limits>

#include "ijepa/comm/agree.hpp"
#include "ijepa/model/position_tables.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/fit/precision_choice.hpp"
#include "ijepa/train/fit/repeated_step.hpp"
#include "ijepa/train/fit/replay_file.hpp"
#include "ijepa/train/run/run_start.hpp"
#include "ijepa/train/step/memory_plan.hpp"

namespace ijepa {
namespace {

/// The number of the operation at fault on a rank that has found none.
constexpr std::int64_t nowhere = std::numeric_limits<std::int64_t>::max();

/// The problem of `work`, "" without one.
template <class F>
std::string problem_of(F&& work) {
  try {
    std::forward<F>(work)();
  } catch (...) {
    return message_of(std::current_exception());
  }
  return {};
}

/// Decoded and augmented as the step saw them.
std::vector<std::uint8_t> pixels_of(const ReplayedRun& run, const RankStep& step) {
  const auto loader =
      training_loader(run.recipe, run.plan, run.shards, step.rank(), step.place().step, Log(1), 1);
  std::vector<std::uint8_t> pixels;
  while (const Batch* batch = loader->next())
    pixels.insert(pixels.end(), batch->images.begin(), batch->images.end());
  return pixels;
}

std::span<double> pooled_sums_of(Engine& engine) {
  return engine.surveyed() ? engine.surveyed()->flat() : std::span<double>();
}

/// The sums that Engine::repeat() takes where losses are pooled.
void survey(Engine& engine, const RankStep& step, std::span<const std::uint8_t> pixels) {
  const TokenPlan tokens = step.token_plan(0);
  engine.survey(step.micro_batch(0, pixels.first(step.micro_bytes()), tokens), Part::only);
}

/// `wanted` or, where the run keeps no more of them, "". As rank 0 sees the folder.
std::string free_path(const PretrainRecipe& recipe, std::int64_t step, Communicator& comm) {
  std::string path;
  if (comm.rank() == 0)
    problem_of([&] {
      if (count_replays(recipe.run.dir) < recipe.run.keep_replays)
        path = replay_path(recipe.run.dir, step);
    });
  return comm.broadcast_text(path, 0);
}

/// The explanation's file, written by the rank `first`. Collective.
void keep(const ReplayedRun& run, const RankStep& step, std::span<std::uint8_t> pixels, int first,
          Communicator& comm, const Log& log, Explanation& inout) {
  const std::string path = free_path(run.recipe, step.place().step, comm);
  if (path.empty()) return;
  comm.activity().enter(Phase::saving, step.place().step);
  const EncoderConfig& encoder = run.recipe.model.encoder;
  const auto tensors = [&](std::vector<NamedTensor> weights) {
    return replay_tensors(std::move(weights), encoder, pixels, pooled_sums_of(run.engine));
  };
  log.info("step {}: what repeats it goes to {}, {:.1f} MiB.", step.place().step, path,
           static_cast<double>(bytes_of(tensors(run.engine.weight_tensors()))) / 1048576.0);
  std::string problem;
  if (comm.rank() == first)
    problem = problem_of([&] {
      RunState weights(run.device, run.engine.weight_tensors());
      weights.download();
      write_replay(
          path,
          {step.place().step, comm.rank(), comm.size(), run.shards.size(),
           static_cast<std::int64_t>(pixels.size() / step.micro_bytes()) * run.plan.micro_batch},
          run.texts, tensors(weights.tensors()));
    });
  problem = comm.broadcast_text(problem, first);
  if (problem.empty()) {
    inout.file = path;
  } else {
    inout.said += " It is not kept for --replay: " + problem;
  }
}

/// What the rank `first` found, and its part up to there. Collective.
Explanation explained(const ReplayedRun& run, const RankStep& step, std::span<std::uint8_t> pixels,
                      const std::optional<Finding>& finding, int first, Communicator& comm,
                      const Log& log) {
  Explanation e{comm.broadcast_text(finding ? sentence_of(*finding, step) : "", first), {}};
  std::int64_t micro = finding ? finding->micro : 0;
  comm.broadcast(std::as_writable_bytes(std::span(&micro, 1)), first);
  const auto micros = static_cast<std::size_t>(std::min(micro + 1, step.micro_batches()));
  keep(run, step, pixels.first(micros * step.micro_bytes()), first, comm, log, e);
  return e;
}

PretrainRecipe changed(PretrainRecipe recipe, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    check(setting.starts_with("compute."),
          "{} would make it another step: a replay takes settings of [compute] alone.", setting);
    apply_override(fields_of(recipe), setting);
  }
  resolve(recipe);
  return recipe;
}

}  // namespace

Explanation explain_step(const ReplayedRun& run, const RankStep& step, Communicator& comm,
                         const Log& log) {
  const std::int64_t number = step.place().step;
  const auto failed = [&](const std::string& why) {
    return Explanation{fmt::format("step {} could not be repeated: {}", number, why), {}};
  };
  std::vector<std::uint8_t> pixels;
  comm.activity().enter(Phase::loading, number);
  std::string problem = problem_of([&] { pixels = pixels_of(run, step); });
  problem = joined_problems(comm.gather_all(problem));
  if (!problem.empty()) return failed(problem);
  comm.activity().enter(Phase::computing, number);
  if (step.micro_batches() == 1 && run.recipe.loss.pooled()) survey(run.engine, step, pixels);
  std::optional<Finding> finding;
  problem =
      problem_of([&] { finding = find_not_finite(run.engine, step, pixels, comm.activity()); });
  const auto all = comm.gather_all_values(finding ? finding->operation : nowhere);
  problem = joined_problems(comm.gather_all(problem));
  const auto earliest = std::ranges::min_element(all);
  if (*earliest != nowhere)
    return explained(run, step, pixels, finding, static_cast<int>(earliest - all.begin()), comm,
                     log);
  if (!problem.empty()) return failed(problem);
  return {fmt::format("step {}: repeated with every operation checked, all values are finite on "
                      "every rank: the sum of their gradients was not, or the machine computed "
                      "something else the first time.",
                      number),
          {}};
}

Replayed replay(const std::string& path, const std::vector<std::string>& settings,
                const Cluster& cluster, Communicator& comm, const Log& log) {
  if (comm.size() > 1)
    throw AgreedError("--replay repeats the part of one rank: start it without mpirun or srun.");
  const CheckpointMeta meta = load_checkpoint_meta(comm, path);
  const ReplayPlace place = replay_place(meta, path);
  const PretrainRecipe recorded = recipe_of_checkpoint(meta, path);
  PretrainRecipe recipe = changed(recorded, settings);
  choose_precision(recipe, comm, log);
  const RunPlan plan = plan_run(recipe, place.dataset_images, place.ranks);
  check(place.images <= plan.rank_batch && place.images % plan.micro_batch == 0,
        "{} has {} images, which are no micro-batches of {} of a rank's {}.", path, place.images,
        plan.micro_batch, plan.rank_batch);
  check(precision_of(recipe.compute).param == precision_of(recorded.compute).param,
        "{} has weights in {}, which compute.precision = \"{}\" has not.", path,
        name_of(precision_of(recorded.compute).param), name_of(recipe.compute.precision));
  const RankStep step(recipe, plan, place.step, static_cast<int>(place.rank));
  const auto device = open_device(recipe, cluster, comm, log);
  Engine engine(recipe, plan.micro_batch, *device, comm);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(place.images / plan.micro_batch) *
                                   step.micro_bytes());
  if (recipe.loss.pooled())
    engine.surveyed().emplace(recipe.model.encoder.width, recipe.loss.variance_covariance > 0);
  RunState weights(*device, engine.weight_tensors());
  load_checkpoint(
      comm, path,
      replay_tensors(weights.tensors(), recipe.model.encoder, pixels, pooled_sums_of(engine)));
  weights.upload();
  engine.refresh();
  set_positions(device->ops(), engine.store(), positions_of_checkpoint(meta, path));
  const auto finding = find_not_finite(engine, step, pixels, comm.activity());
  if (finding) return {sentence_of(*finding, step), false};
  const auto here = arithmetic_of(*device, comm);
  const std::string other = other_arithmetic(meta, here, path);
  return {fmt::format("step {}: all values are finite by {}{}.", place.step, here,
                      other.empty() ? "" : ", which the run did not compute by"),
          true};
}

}  // namespace ijepa
