#include "ijepa/train/fit/replay.hpp"

#include <filesystem>
#include <numeric>

#include "ijepa/core/file.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/core/pixel_type.hpp"
#include "ijepa/model/position_tables.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/fit/precision_choice.hpp"
#include "ijepa/train/fit/repeated_step.hpp"
#include "ijepa/train/run/run_start.hpp"
#include "ijepa/train/step/memory_plan.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

constexpr const char* suffix = ".replay";
constexpr const char* where_replays_are = "give --replay a folder RUN/non_finite/step_N.replay.";

fs::path folder_of(const std::string& run_dir) {
  return fs::path(run_dir) / "non_finite";
}

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

std::vector<NamedTensor> replay_tensors(std::vector<NamedTensor> weights,
                                        const EncoderConfig& encoder,
                                        std::span<std::uint8_t> pixels,
                                        std::span<double> pooled_sums) {
  const std::int64_t pixel = bytes_of_pixel(encoder.channels),
                     image = pixel * encoder.image_height * encoder.image_width;
  weights.push_back({"replay",
                     "pixels",
                     {static_cast<std::int64_t>(pixels.size()) / image, encoder.image_height,
                      encoder.image_width, pixel},
                     DType::u8,
                     pixels.data()});
  if (!pooled_sums.empty())
    weights.push_back({"replay",
                       "pooled_sums",
                       {static_cast<std::int64_t>(pooled_sums.size())},
                       DType::f64,
                       pooled_sums.data()});
  return weights;
}

std::string replay_path(const std::string& run_dir, std::int64_t step) {
  return (folder_of(run_dir) / fmt::format("step_{}{}", step, suffix)).string();
}

std::int64_t count_replays(const std::string& run_dir) {
  std::int64_t count = 0;
  if (!fs::exists(folder_of(run_dir))) return count;
  for (const auto& entry : fs::directory_iterator(folder_of(run_dir))) {
    const std::string name = entry.path().filename().string();
    count += name.starts_with("step_") && name.ends_with(suffix) ? 1 : 0;
  }
  return count;
}

void write_replay(const std::string& path, const ReplayPlace& place,
                  std::map<std::string, std::string> texts,
                  const std::vector<NamedTensor>& tensors) {
  texts[replay_key] =
      nlohmann::json{{"step", place.step},   {"rank", place.rank},
                     {"ranks", place.ranks}, {"dataset_images", place.dataset_images},
                     {"first", place.first}, {"images", place.images}}
          .dump();
  make_folder(fs::path(path).parent_path().string());
  save_weights(*local_communicator(), path, {place.step, std::move(texts)}, tensors);
}

void expect_replay(const std::string& path) {
  check(fs::exists(path), "There is no replay at {}: {}", path, where_replays_are);
  check(fs::exists(fs::path(path) / "manifest.json"), "{} is no replay of a step: {}", path,
        where_replays_are);
}

ReplayPlace replay_place(const CheckpointMeta& meta, const std::string& path) {
  const auto text = meta.text.find(replay_key);
  check(text != meta.text.end(), "{} is no replay of a step: {}", path, where_replays_are);
  const std::string problem = fmt::format("{} says of no step what it is of", path);
  ReplayPlace place;
  try {
    const auto j = parse_json(text->second, problem);
    place = {WholeNumber(j.at("step")),
             WholeNumber(j.at("rank")),
             WholeNumber(j.at("ranks")),
             WholeNumber(j.at("dataset_images")),
             0,
             WholeNumber(j.at("images"))};
    if (j.contains("first")) place.first = WholeNumber(j.at("first"));
  } catch (const nlohmann::json::exception& e) {
    fail("{}: {}.", problem, json_reason(e));
  }
  constexpr std::int64_t most = std::int64_t{1} << 40;
  check(place.step >= 0 && place.step < most && place.ranks >= 1 && place.rank >= 0 &&
            place.rank < place.ranks && place.ranks < (1 << 24) && place.dataset_images >= 1 &&
            place.dataset_images < most && place.first >= 0 && place.first < most &&
            place.images >= 1 && place.images < most,
        "{}: step {} of rank {} of {}, with {} of {} images.", problem, place.step, place.rank,
        place.ranks, place.images, place.dataset_images);
  return place;
}

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
  if (step.pooled(recipe.loss))
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
