#include "ijepa/train/fit/replay.hpp"

#include <numeric>

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

PretrainRecipe changed(PretrainRecipe recipe, const std::vector<std::string>& settings) {
  for (const std::string& setting : settings) {
    check(setting.starts_with("compute.") || setting.starts_with("optim.micro_batch="),
          "{} would make it another step: a replay takes settings of [compute] and "
          "optim.micro_batch alone.",
          setting);
    apply_override(fields_of(recipe), setting);
  }
  resolve(recipe);
  return recipe;
}

/// Before the engine asks, which knows nothing of the images that there are.
void expect_room_here(const PretrainRecipe& recipe, const RunPlan& plan, const ReplayPlace& place,
                      Device& device) {
  if (device.memory_is_host()) return;
  const IJepa model(recipe.model.encoder, recipe.model.predictor, recipe.loss);
  const std::int64_t parts = std::gcd(plan.rank_batch, std::gcd(place.first, place.images));
  expect_room(model, recipe, plan.micro_batch, parts, device.free_memory().value());
}

}  // namespace

Replayed replay(const std::string& path, const std::vector<std::string>& settings,
                const Cluster& cluster, Communicator& comm, const Log& log) {
  if (comm.size() > 1)
    throw AgreedError("--replay repeats the part of one rank: start it without mpirun or srun.");
  expect_replay(path);
  CheckpointMeta meta = load_checkpoint_meta(comm, path);
  const ReplayPlace place = replay_place(meta, path);
  meta.text.erase(replay_key);  // what is left is a checkpoint's
  const PretrainRecipe recorded = recipe_of_checkpoint(meta, path);
  PretrainRecipe recipe = changed(recorded, settings);
  choose_precision(recipe, comm, log);
  const RunPlan plan = plan_run(recipe, place.dataset_images, place.ranks);
  check(place.first + place.images <= plan.rank_batch && place.images % plan.micro_batch == 0 &&
            place.first % plan.micro_batch == 0,
        "{} has {} images from image {} on, which are no micro-batches of {} of a rank's {}.", path,
        place.images, place.first, plan.micro_batch, plan.rank_batch);
  check(precision_of(recipe.compute).param == precision_of(recorded.compute).param,
        "{} has weights in {}, which compute.precision = \"{}\" has not.", path,
        name_of(precision_of(recorded.compute).param), name_of(recipe.compute.precision));
  const RankStep step(recipe, plan, place.step, static_cast<int>(place.rank));
  const auto device = open_device(recipe.compute, cluster, comm, log);
  expect_room_here(recipe, plan, place, *device);
  Engine engine(recipe, plan.micro_batch, *device, comm);
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(place.images / plan.micro_batch) *
                                   step.micro_bytes());
  if (recipe.loss.pooled())
    engine.surveyed().emplace(recipe.model.encoder.width, recipe.loss.variance_covariance > 0);
  RunState weights(*device, engine.weight_tensors());
  load_checkpoint(
      comm, path,
      replay_tensors(weights.tensors(), recipe.model.encoder, pixels,
                     engine.surveyed() ? engine.surveyed()->flat() : std::span<double>()));
  weights.upload();
  engine.refresh();
  set_positions(device->ops(), engine.store(), positions_of_checkpoint(meta, path));
  const auto finding =
      find_not_finite(engine, step, pixels, comm.activity(), place.first / plan.micro_batch);
  if (finding) return {sentence_of(*finding, step), false};
  const auto here = arithmetic_of(*device, comm);
  const std::string other = other_arithmetic(meta, here, path);
  return {fmt::format("step {}: all values are finite by {}{}.", place.step, here,
                      other.empty() ? "" : ", which the run did not compute by"),
          true};
}

}  // namespace ijepa
