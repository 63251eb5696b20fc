// Tiny run: a pretraining run of milliseconds a step on made-up pictures, and what it left behind
// in a form that tests compare.
#pragma once
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "ijepa/data/shards/shard_format.hpp"
#include "ijepa/data/shards/shard_writer.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/recipe/recipe.hpp"
#include "tests/support/pictures.hpp"

namespace ijepa::test {

/// One shard of these PNGs.
inline void write_shard_of(const std::filesystem::path& folder, const std::vector<Bytes>& encoded,
                           std::uint64_t seed = 1) {
  std::filesystem::create_directories(folder);
  std::vector<ShardRecord> records;
  for (const Bytes& bytes : encoded) {
    const std::string key = "picture/" + std::to_string(records.size()) + ".png";
    records.push_back({key, 0, bytes.size(), image_checksum(bytes, key, 0)});
  }
  ShardWriter writer((folder / shard_file_name(0, 1)).string(), {0, 1, seed, {"picture"}}, records);
  for (const auto& bytes : encoded) writer.append(bytes);
  writer.finish();
}

/// One shard of `images` pictures, each with its own pattern; `broken` of them are no pictures.
inline void write_tiny_shard(const std::filesystem::path& folder, int images, int broken = 0,
                             std::uint64_t seed = 1) {
  std::vector<Bytes> encoded;
  for (int i = 0; i < images; ++i) {
    encoded.push_back(
        encode_png(draw_picture(32, 32, seed * 1000 + static_cast<std::uint64_t>(i))));
    if (i < broken) encoded.back().resize(encoded.back().size() / 2);
  }
  write_shard_of(folder, encoded, seed);
}

/// One shard of `images` black pictures, but for the first, which is white: under poison()
/// each step is finite but the one in an epoch that sees it.
inline void write_poisoned_shard(const std::filesystem::path& folder, int images) {
  const auto plain = [](std::uint8_t value) {
    return encode_png({32, 32, std::vector<std::uint8_t>(32 * 32 * 3, value)});
  };
  std::vector<Bytes> encoded(static_cast<std::size_t>(images), plain(0));
  encoded.front() = plain(255);
  write_shard_of(folder, encoded);
}

/// 36 patches of 4 pixels, an encoder of two blocks, 16 images a step, 4 steps an epoch of 70
/// images. Not resolved.
inline PretrainRecipe tiny_recipe(const std::string& shards, const std::string& run) {
  PretrainRecipe r;
  auto& e = r.model.encoder;
  e = {.name = "custom", .width = 24, .depth = 2, .heads = 2, .mlp_hidden = 0, .patch = 4};
  e.image_height = e.image_width = 24;
  r.model.predictor.width = 16;
  r.model.predictor.depth = 1;
  r.mask.min_keep = 2;
  r.mask.truncate_group = 8;
  r.data.shards = shards;
  r.data.threads = 1;
  r.optim.global_batch = 16;
  r.optim.epochs = 25;
  r.optim.warmup_epochs = 2;
  r.compute.threads = 1;
  r.run.dir = run;
  r.run.health_every = 0;
  r.run.checkpoint_minutes = 0;
  return r;
}
constexpr int tiny_images = 70;

/// Normalises white beyond float32, and black to 0.
inline void poison(PretrainRecipe& recipe) {
  recipe.data.mean = {0, 0, 0};
  recipe.data.std = {1e-39, 1e-39, 1e-39};
}
constexpr int poisoned_images = 64;  // all of which an epoch of tiny_recipe() sees

/// A line of metrics.csv by column name.
using MetricsRow = std::map<std::string, std::string>;

inline std::vector<std::string> split(const std::string& line, char at) {
  std::vector<std::string> parts;
  std::istringstream stream(line);
  for (std::string part; std::getline(stream, part, at);) parts.push_back(part);
  return parts;
}

inline std::vector<MetricsRow> read_metrics(const std::filesystem::path& run) {
  std::ifstream file(run / "metrics.csv");
  std::string line;
  std::getline(file, line);
  const auto names = split(line, ',');
  std::vector<MetricsRow> rows;
  while (std::getline(file, line)) {
    const auto values = split(line, ',');
    EXPECT_EQ(values.size(), names.size()) << line;
    MetricsRow row;
    for (std::size_t i = 0; i < std::min(names.size(), values.size()); ++i)
      row[names[i]] = values[i];
    rows.push_back(std::move(row));
  }
  return rows;
}

/// The rows without what a repetition cannot repeat: times and memory.
inline std::vector<MetricsRow> repeatable(std::vector<MetricsRow> rows) {
  for (auto& row : rows)
    for (const char* name :
         {"time (ms)", "images_per_second", "data_wait", "rank_wait", "memory_mib"})
      row.erase(name);
  return rows;
}

/// A column of metrics.csv.
inline std::vector<double> column(const std::filesystem::path& run, const std::string& name) {
  std::vector<double> values;
  for (const auto& row : read_metrics(run)) values.push_back(std::stod(row.at(name)));
  return values;
}

inline std::vector<double> losses(const std::filesystem::path& run) {
  return column(run, "loss");
}

/// Every tensor of the run's newest checkpoint, byte for byte: "group/name" -> bytes.
struct FinalState {
  std::int64_t step = -1;
  std::map<std::string, std::vector<std::byte>> tensors;
  bool operator==(const FinalState&) const = default;
};

inline FinalState final_state(const std::filesystem::path& run) {
  const auto folders = list_checkpoints(run.string());
  if (folders.empty()) return {};
  const auto manifest = read_manifest(folders.front());
  FinalState state{manifest.meta.step, {}};
  for (const auto& tensor : manifest.tensors) {
    auto& bytes = state.tensors[tensor.group + "/" + tensor.name];
    bytes.resize(tensor.bytes());
    read_tensor(folders.front(), manifest, tensor, bytes);
  }
  return state;
}

/// Norm of the gradient that the first step of AdamW took, which its first moments hold.
inline double gradient_of_first_step(const PretrainRecipe& recipe) {
  double squares = 0;
  for (const auto& [name, bytes] : final_state(recipe.run.dir).tensors) {
    if (name.find("_adam_m/") == std::string::npos) continue;
    std::vector<float> values(bytes.size() / sizeof(float));
    std::memcpy(values.data(), bytes.data(), bytes.size());
    for (const double value : values) squares += value * value;
  }
  return std::sqrt(squares) / (1 - recipe.optim.beta1);
}

/// Two run folders that one run could have made, bit for bit.
inline void expect_same_run(const std::filesystem::path& expected,
                            const std::filesystem::path& actual, const std::string& what) {
  const FinalState a = final_state(expected), b = final_state(actual);
  EXPECT_EQ(a.step, b.step) << what;
  EXPECT_FALSE(a.tensors.empty()) << what;
  EXPECT_TRUE(a == b) << what << ": the checkpoints differ";
  EXPECT_EQ(repeatable(read_metrics(expected)), repeatable(read_metrics(actual))) << what;
}

/// Every loss within a relative `tolerance` of the expected one.
inline void expect_close_losses(const std::vector<double>& expected,
                                const std::vector<double>& actual, double tolerance,
                                const std::string& what) {
  ASSERT_EQ(expected.size(), actual.size()) << what;
  for (std::size_t i = 0; i < expected.size(); ++i)
    ASSERT_NEAR(expected[i], actual[i], tolerance * expected[i]) << what << ", step " << i;
}

/// A recipe that a test is repeated with.
struct RecipeVariant {
  const char* name;
  void (*change)(PretrainRecipe&);
};
inline void PrintTo(const RecipeVariant& v, std::ostream* out) {
  *out << v.name;
}

}  // namespace ijepa::test
