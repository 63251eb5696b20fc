#include "ijepa/train/fit/replay_file.hpp"

#include <filesystem>

#include "ijepa/core/file.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/core/pixel_type.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

constexpr const char* suffix = ".replay";
constexpr const char* where_replays_are = "give --replay a folder RUN/non_finite/step_N.replay.";

fs::path folder_of(const std::string& run_dir) {
  return fs::path(run_dir) / "non_finite";
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

}  // namespace ijepa
