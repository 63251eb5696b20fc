// A run in which one picture makes a step of each epoch not finite: the log names the operation,
// the replay says the same, and the run ends with the bits of one that repeats nothing.
#include "ijepa/train/fit/replay.hpp"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "ijepa/core/file.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"
#include "ijepa/train/fit/trainer.hpp"
#include "tests/support/sound_replay.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa::test {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;
namespace fs = std::filesystem;

class ReplayedSteps : public testing::Test {
 protected:
  ReplayedSteps() { write_poisoned_shard(folder_.path() / "shards", poisoned_images); }

  fs::path path(const std::string& name) const { return folder_.path() / name; }
  PretrainRecipe recipe(const std::string& run) const {
    PretrainRecipe r = tiny_recipe(path("shards").string(), path(run).string());
    poison(r);
    return r;
  }

  static void train(PretrainRecipe recipe, std::int64_t steps, const InitialWeights& start = {}) {
    recipe.optim.max_steps = steps;
    resolve(recipe);
    const auto comm = local_communicator();
    const StopSignal stop;
    EXPECT_EQ(Trainer(recipe, {}, *comm, stop, Log(1), {}, start).run(), Outcome::finished);
  }

  /// The events of steps that were not finite.
  static std::vector<nlohmann::json> events(const PretrainRecipe& recipe) {
    std::ifstream file(fs::path(recipe.run.dir) / "events.jsonl");
    std::vector<nlohmann::json> found;
    for (std::string line; std::getline(file, line);) {
      auto event = nlohmann::json::parse(line);
      if (event.at("event") == "non_finite") found.push_back(std::move(event));
    }
    return found;
  }
  static std::vector<std::string> replays(const PretrainRecipe& recipe) {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(fs::path(recipe.run.dir) / "non_finite"))
      if (entry.is_directory()) names.push_back(entry.path().filename().string());
    std::ranges::sort(names);
    return names;
  }
  static Replayed replayed(const std::string& path, const std::vector<std::string>& settings = {}) {
    const auto comm = local_communicator();
    return replay(path, settings, {}, *comm, Log(1));
  }
  static std::string refusal(const std::string& path,
                             const std::vector<std::string>& settings = {}) {
    try {
      return "not refused: " + replayed(path, settings).said;
    } catch (const Error& e) {
      return e.what();
    }
  }

 private:
  TemporaryFolder folder_;
};

struct Variant {
  const char* name;
  void (*change)(PretrainRecipe&);
};
void PrintTo(const Variant& v, std::ostream* out) {
  *out << v.name;
}

class ReplayedVariant : public ReplayedSteps, public testing::WithParamInterface<Variant> {};

TEST_P(ReplayedVariant, SaysTheSameAndLeavesTheRunAsItIs) {
  PretrainRecipe r = recipe("repeated"), plain = recipe("plain");
  GetParam().change(r);
  GetParam().change(plain);
  plain.run.keep_replays = 0;
  train(r, 8);
  train(plain, 8);
  expect_same_run(plain.run.dir, r.run.dir, GetParam().name);
  ASSERT_EQ(events(r).size(), 2U) << "one step of each epoch";
  const auto first = events(r).front();
  EXPECT_THAT(first.at("explanation").get<std::string>(),
              HasSubstr("gather_patches: the result y, "));
  const std::string file = first.at("replay");
  EXPECT_EQ(file, (fs::path(r.run.dir) / "non_finite" /
                   fmt::format("step_{}.replay", first.at("step").get<int>()))
                      .string());
  const Replayed again = replayed(file);
  EXPECT_FALSE(again.finite);
  EXPECT_EQ(again.said, first.at("explanation"));
  EXPECT_FALSE(events(plain).front().contains("explanation"));
  EXPECT_EQ(replays(plain).size(), 0U);
}

INSTANTIATE_TEST_SUITE_P(All, ReplayedVariant,
                         testing::Values(Variant{"float32", [](PretrainRecipe&) {}},
                                         Variant{"bfloat16",
                                                 [](PretrainRecipe& r) {
                                                   r.compute.precision = DType::bf16;
                                                 }},
                                         Variant{"recomputed_micro_batches",
                                                 [](PretrainRecipe& r) {
                                                   r.compute.recompute = Recompute::block;
                                                   r.optim.micro_batch = 4;
                                                 }},
                                         Variant{"every_loss_with_drop_path",
                                                 [](PretrainRecipe& r) {
                                                   r.loss = {1, 1, 0, 1, TargetScaling::centred};
                                                   r.model.encoder.drop_path = 0.3;
                                                 }},
                                         Variant{"every_loss_in_micro_batches",
                                                 [](PretrainRecipe& r) {
                                                   r.loss = {1, 1, 0, 1, TargetScaling::centred};
                                                   r.optim.micro_batch = 4;
                                                 }}),
                         [](const auto& variant) { return std::string(variant.param.name); });

TEST_F(ReplayedSteps, AreKeptUpToANumber) {
  PretrainRecipe one = recipe("one"), two = recipe("two");
  two.run.keep_replays = 2;
  for (const auto& r : {one, two}) train(r, 12);
  EXPECT_EQ(events(one).size(), 3U);
  EXPECT_EQ(replays(one).size(), 1U);
  EXPECT_EQ(replays(two).size(), 2U);
  for (const auto& event : events(one)) EXPECT_TRUE(event.contains("explanation"));
  EXPECT_TRUE(events(one).front().contains("replay"));
  EXPECT_FALSE(events(one).back().contains("replay"));
}

TEST_F(ReplayedSteps, OfARowAreRepeatedOnce) {
  PretrainRecipe r = recipe("run");
  r.data.mean = {10, 10, 10};  // nothing is finite
  std::string message;
  try {
    train(r, 8);
  } catch (const AgreedError& e) {
    message = e.what();
    EXPECT_EQ(e.code(), exit_code::not_finite);
  }
  EXPECT_THAT(message, HasSubstr("repeat the first of them by ijepa-pretrain --replay " +
                                 (path("run") / "non_finite" / "step_0.replay").string()));
  ASSERT_EQ(events(r).size(), 4U);
  EXPECT_TRUE(events(r).front().contains("explanation"));
  for (int i = 1; i < 4; ++i) EXPECT_FALSE(events(r).at(i).contains("explanation"));
}

/// Weights that are too large in the second block of the target encoder.
InitialWeights overflowing() {
  return {"large weights", {}, [](const std::vector<NamedTensor>& tensors) {
            for (const NamedTensor& t : tensors)
              if (t.group == "target_encoder" && t.name == "blocks.1.mlp.fc1.weight")
                for (int i = 0; i < 24; i += 2) static_cast<float*>(t.data)[i] = 3e38F;
          }};
}

TEST_F(ReplayedSteps, NameTheBlock) {
  for (const DType precision : {DType::f32, DType::bf16}) {
    PretrainRecipe r = tiny_recipe(path("pictures").string(), path(name_of(precision)).string());
    write_tiny_shard(path("pictures"), tiny_images);
    r.compute.precision = precision;
    r.run.nan_limit = 0;
    EXPECT_THROW(train(r, 8, overflowing()), AgreedError);
    ASSERT_EQ(events(r).size(), 1U);
    const std::string said = events(r).front().at("explanation");
    EXPECT_THAT(said, StartsWith("step 0: the first value that is not finite is of rank 0, "
                                 "micro-batch 1 of 1. linear_gelu_forward at "
                                 "target_encoder.blocks.1.mlp.fc1: the result pre, "));
    const std::string file = events(r).front().at("replay");
    EXPECT_EQ(replayed(file).said, said);
    EXPECT_EQ(replayed(file, {"compute.recompute=block", "compute.threads=2"}).said, said);
  }
}

TEST_F(ReplayedSteps, ThatAreFiniteElsewhereSaySo) {
  PretrainRecipe r = recipe("run");
  train(r, 4);
  const std::string file = events(r).front().at("replay");
  write_sound_replay(file, path("sound").string());
  const Replayed again = replayed(path("sound").string());
  EXPECT_TRUE(again.finite);
  EXPECT_THAT(again.said, HasSubstr("all values are finite by cpu, "));
  EXPECT_THAT(again.said, Not(HasSubstr("which the run did not compute by")));
}

TEST_F(ReplayedSteps, ThatAreNoneOrDamagedAreRefused) {
  PretrainRecipe r = recipe("run");
  train(r, 4);
  const std::string file = events(r).front().at("replay");
  EXPECT_THAT(refusal(path("nowhere").string()), HasSubstr(path("nowhere").string()));
  EXPECT_THAT(refusal(list_checkpoints(r.run.dir).front()), HasSubstr("is no replay of a step"));
  EXPECT_THAT(refusal(file, {"optim.lr=1"}), HasSubstr("optim.lr=1 would make it another step"));
  EXPECT_THAT(refusal(file, {"compute.precision=float64"}),
              HasSubstr("has weights in float32, which compute.precision = \"float64\" has not"));
  EXPECT_THAT(refusal(file, {"compute.thread=1"}), HasSubstr("did you mean compute.threads?"));
  fs::path part;
  for (const auto& entry : fs::directory_iterator(file))
    if (entry.path().extension() != ".json") part = entry.path();
  const std::string bytes = read_text_file(part.string());
  const auto write = [&](const std::string& text) {
    std::ofstream(part, std::ios::binary) << text;
  };
  std::string changed = bytes;
  changed[changed.size() / 2] ^= 1;
  write(changed);
  EXPECT_THAT(refusal(file), HasSubstr(part.filename().string()));
  write(bytes.substr(0, bytes.size() / 2));
  EXPECT_THAT(refusal(file), HasSubstr(part.filename().string()));
  write(bytes);
  EXPECT_FALSE(replayed(file).finite);
  std::ofstream(fs::path(file) / "manifest.json", std::ios::app) << "x";
  EXPECT_THAT(refusal(file), HasSubstr("manifest.json"));
}

TEST_F(ReplayedSteps, ThatCannotBeWrittenStopNothing) {
  PretrainRecipe r = recipe("run"), plain = recipe("plain");
  plain.run.keep_replays = 0;
  train(plain, 8);
  const int step = events(plain).front().at("step");
  fs::create_directories(path("run") / "non_finite");
  std::ofstream(path("run") / "non_finite" / fmt::format("unfinished_step_{}.replay", step))
      << "in the way";
  train(r, 8);
  expect_same_run(plain.run.dir, r.run.dir, "no replay");
  EXPECT_THAT(events(r).front().at("explanation").get<std::string>(),
              HasSubstr(" It is not kept for --replay: "));
  EXPECT_FALSE(events(r).front().contains("replay"));
}

}  // namespace
}  // namespace ijepa::test
