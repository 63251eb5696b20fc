// A small model with its checkpoints in a temporary run folder, for the tests of checkpoints.
#pragma once
#include <gtest/gtest.h>
#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>
#include <vector>

#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"

namespace ijepa::test {

/// Tensors of several types and ranks, filled from one number.
struct TinyModel {
  explicit TinyModel(int value)
      : weight(12, static_cast<float>(value)),
        moment(5, value / 3.0),
        half(3, BFloat16(static_cast<float>(value))),
        scalar(1, value) {}
  bool operator==(const TinyModel& other) const {
    const auto bits = [](BFloat16 a, BFloat16 b) { return a.bits == b.bits; };
    return weight == other.weight && moment == other.moment && scalar == other.scalar &&
           std::equal(half.begin(), half.end(), other.half.begin(), other.half.end(), bits);
  }
  /// The values of `other` in this one's memory.
  void assign(const TinyModel& other) {
    std::copy(other.weight.begin(), other.weight.end(), weight.begin());
    std::copy(other.moment.begin(), other.moment.end(), moment.begin());
    std::copy(other.half.begin(), other.half.end(), half.begin());
    std::copy(other.scalar.begin(), other.scalar.end(), scalar.begin());
  }
  std::vector<NamedTensor> tensors() {
    return {{"encoder", "blocks.0.weight", {3, 4}, DType::f32, weight.data()},
            {"adam_m", "blocks.0.weight", {5}, DType::f64, moment.data()},
            {"encoder", "half", {1, 3}, DType::bf16, half.data()},
            {"state", "scalar", {}, DType::i32, scalar.data()}};
  }

  std::vector<float> weight;
  std::vector<double> moment;
  std::vector<BFloat16> half;
  std::vector<std::int32_t> scalar;
};

inline std::string contents(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

template <class F>
std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  return "no error";
}

/// A checkpoint of one float32 tensor whose first `cut` elements lie in one part, the rest in
/// another.
inline void write_two_part_checkpoint(const std::string& folder, const std::vector<float>& all,
                                      std::int64_t cut) {
  std::filesystem::create_directories(folder);
  const auto n = static_cast<std::int64_t>(all.size());
  CheckpointManifest manifest;
  manifest.meta.step = 9;
  manifest.tensors.push_back({"encoder", "x", DType::f32, {n}, {}});
  for (const auto& [first, count] : {std::pair{std::int64_t{0}, cut}, std::pair{cut, n - cut}}) {
    const std::size_t part = manifest.parts.size(), bytes = static_cast<std::size_t>(count) * 4;
    const std::string name = "part_" + std::to_string(part);
    std::ofstream(folder + "/" + name, std::ios::binary)
        .write(reinterpret_cast<const char*>(&all[static_cast<std::size_t>(first)]),
               static_cast<std::streamsize>(bytes));
    const auto hash = XXH3_64bits(&all[static_cast<std::size_t>(first)], bytes);
    manifest.parts.push_back({name, bytes, hash});
    manifest.tensors[0].pieces.push_back({part, first, count, 0, hash});
  }
  std::ofstream(folder + "/manifest.json") << manifest_text(manifest);
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() {
    std::string pattern = (std::filesystem::temp_directory_path() / "ijepa_ckpt_XXXXXX").string();
    run_dir_ = ::mkdtemp(pattern.data());
  }
  ~CheckpointTest() override { std::filesystem::remove_all(run_dir_); }

  const std::string& run_dir() const { return run_dir_; }
  CheckpointStore store() const { return {run_dir_, {}}; }
  void save(TinyModel& model, std::int64_t step) {
    store().save(*comm_, {step, {{"cursor", "{\"epoch\": 2}"}}}, model.tensors());
  }
  std::optional<std::string> newest() { return store().newest_valid(*comm_, Log()); }
  /// Names in the folder of checkpoints, sorted.
  std::vector<std::string> entries() const {
    std::vector<std::string> names;
    for (const auto& e : std::filesystem::directory_iterator(run_dir_ + "/checkpoints")) {
      names.push_back(e.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }

  std::unique_ptr<Communicator> comm_ = local_communicator();

 private:
  std::string run_dir_;
};

}  // namespace ijepa::test
