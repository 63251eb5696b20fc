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

  static void train(PretrainRecipe recipe, std::int64_t steps, const InitialWeights& start = {},
                    const Log& log = Log(1)) {
    recipe.optim.max_steps = steps;
    resolve(recipe);
    const auto comm = local_communicator();
    const StopSignal stop;
    EXPECT_EQ(Trainer(recipe, {}, *comm, stop, log, {}, start).run(), Outcome::finished);
  }

  /// The events of steps that were not finite, each with what was found out about it.
  static std::vector<nlohmann::json> events(const PretrainRecipe& recipe) {
    std::ifstream file(fs::path(recipe.run.dir) / "events.jsonl");
    std::vector<nlohmann::json> found;
    for (std::string line; std::getline(file, line);) {
      auto event = nlohmann::json::parse(line);
      const std::string kind = event.at("event");
      if (kind == "non_finite") found.push_back(event);
      if (kind != "non_finite_explained") continue;
      EXPECT_FALSE(found.empty()) << "the skip is told first";
      EXPECT_EQ(found.back().at("step"), event.at("step"));
      event.erase("event");
      found.back().update(event);
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

class ReplayedVariant : public ReplayedSteps, public testing::WithParamInterface<RecipeVariant> {};

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

INSTANTIATE_TEST_SUITE_P(
    All, ReplayedVariant,
    testing::Values(RecipeVariant{"float32", [](PretrainRecipe&) {}},
                    RecipeVariant{"bfloat16",
                                  [](PretrainRecipe& r) { r.compute.precision = DType::bf16; }},
                    RecipeVariant{"recomputed_micro_batches",
                                  [](PretrainRecipe& r) {
                                    r.compute.recompute = Recompute::block;
                                    r.optim.micro_batch = 4;
                                  }},
                    RecipeVariant{"every_loss_with_drop_path",
                                  [](PretrainRecipe& r) {
                                    r.loss = {1, 1, 0, 1, TargetScaling::centred};
                                    r.model.encoder.drop_path = 0.3;
                                  }},
                    RecipeVariant{"every_loss_in_micro_batches",
                                  [](PretrainRecipe& r) {
                                    r.loss = {1, 1, 0, 1, TargetScaling::centred};
                                    r.optim.micro_batch = 4;
                                  }},
                    RecipeVariant{"pixels_before_every_loss",
                                  [](PretrainRecipe& r) {
                                    r.loss = {1, 1, 0, 1, TargetScaling::centred};
                                    r.loss.pixel_epochs = 1;
                                  }},
                    RecipeVariant{"pixels_before_every_loss_in_micro_batches",
                                  [](PretrainRecipe& r) {
                                    r.loss = {1, 1, 0, 1, TargetScaling::centred};
                                    r.loss.pixel_epochs = 1;
                                    r.optim.micro_batch = 4;
                                  }}),
    [](const auto& variant) { return std::string(variant.param.name); });

TEST_F(ReplayedSteps, AreExplainedAndKeptUpToANumber) {
  for (const std::int64_t most : {1, 2}) {
    PretrainRecipe r = recipe(fmt::format("run_{}", most));
    r.run.keep_replays = most;
    testing::internal::CaptureStderr();
    train(r, 16, {}, Log(0));
    const std::string output = testing::internal::GetCapturedStderr();
    const auto found = events(r);
    ASSERT_EQ(found.size(), 4U);
    EXPECT_EQ(replays(r).size(), static_cast<std::size_t>(most));
    for (std::size_t i = 0; i < 4; ++i) {
      EXPECT_EQ(found.at(i).contains("explanation"), std::cmp_less(i, most)) << i;
      EXPECT_EQ(found.at(i).contains("replay"), std::cmp_less(i, most)) << i;
    }
    const std::string sentence =
        fmt::format("not repeated, as run.keep_replays = {} of this run have been", most);
    const auto at = output.find(sentence);
    ASSERT_NE(at, std::string::npos) << output;
    EXPECT_EQ(output.find(sentence, at + 1), std::string::npos) << "said twice";
  }
}

TEST_F(ReplayedSteps, OfEarlierStartsCount) {
  PretrainRecipe r = recipe("run");
  for (const int steps : {4, 8, 12}) train(r, steps);
  const auto found = events(r);
  ASSERT_EQ(found.size(), 3U);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_EQ(found.at(i).contains("explanation"), i == 0) << i;
  EXPECT_EQ(replays(r).size(), 1U);
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
  for (std::size_t i = 1; i < 4; ++i) EXPECT_FALSE(events(r).at(i).contains("explanation"));
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
                                 "target_encoder.blocks.1.mlp.fc1: the result y, "));
    const std::string file = events(r).front().at("replay");
    EXPECT_EQ(replayed(file).said, said);
    EXPECT_EQ(replayed(file, {"compute.recompute=block", "compute.threads=2"}).said, said);
  }
}

TEST_F(ReplayedSteps, BeginWithTheMicroBatchWhoseLossIsNotFinite) {
  PretrainRecipe r = recipe("run");
  r.optim.micro_batch = 2;
  r.run.keep_replays = 3;
  train(r, 12);
  ASSERT_EQ(events(r).size(), 3U);
  bool later = false;
  for (const auto& event : events(r)) {
    const std::string file = event.at("replay"), said = event.at("explanation");
    const auto place = replay_place(load_checkpoint_meta(*local_communicator(), file), file);
    EXPECT_EQ(place.images, 2) << "of this micro-batch alone";
    EXPECT_THAT(said, HasSubstr(fmt::format("micro-batch {} of 8. ", place.first / 2 + 1)));
    EXPECT_EQ(replayed(file).said, said);
    later = later || place.first > 0;
  }
  EXPECT_TRUE(later);
}

TEST_F(ReplayedSteps, AreTheSameInMicroBatchesOfAnotherSize) {
  PretrainRecipe r = recipe("run");
  r.optim.micro_batch = 8;
  r.model.encoder.drop_path = 0.5;
  train(r, 8);
  const std::string file = events(r).front().at("replay");
  const std::string said = events(r).front().at("explanation");
  const auto begin = said.find("gather_patches"), end = said.find("float32");
  ASSERT_NE(begin, std::string::npos) << said;
  const std::string fault = said.substr(begin, end - begin);
  for (const int size : {1, 2, 4}) {
    const Replayed again = replayed(file, {fmt::format("optim.micro_batch={}", size)});
    EXPECT_FALSE(again.finite);
    EXPECT_THAT(again.said, HasSubstr(fault));
    EXPECT_THAT(again.said, HasSubstr(fmt::format(" of {}. ", 16 / size)));
  }
  EXPECT_THAT(refusal(file, {"optim.micro_batch=16"}), HasSubstr("are no micro-batches of 16"));
  EXPECT_THAT(refusal(file, {"optim.micro_batch=3"}), HasSubstr("a multiple of optim.micro_batch"));
}

TEST_F(ReplayedSteps, AreLeftWhereTheRunIsToStop) {
  PretrainRecipe r = recipe("run");
  r.data.mean = {10, 10, 10};  // the first step is not finite
  r.run.max_seconds = 1e-3;    // and no time is left behind it
  resolve(r);
  const auto comm = local_communicator();
  const StopSignal stop;
  EXPECT_EQ(Trainer(r, {}, *comm, stop, Log(1)).run(), Outcome::interrupted);
  ASSERT_EQ(events(r).size(), 1U);
  EXPECT_EQ(events(r).front().at("explanation"),
            "step 0 could not be repeated: the run is to stop before that is done.");
  EXPECT_EQ(replays(r).size(), 0U);
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
  const std::string where = "give --replay a folder RUN/non_finite/step_N.replay.";
  EXPECT_EQ(refusal(path("nowhere").string()),
            "There is no replay at " + path("nowhere").string() + ": " + where);
  EXPECT_EQ(refusal(r.run.dir), r.run.dir + " is no replay of a step: " + where);
  EXPECT_THAT(refusal(list_checkpoints(r.run.dir).front()), HasSubstr("is no replay of a step"));
  EXPECT_THAT(
      refusal(file, {"optim.lr=1"}),
      HasSubstr("optim.lr=1 would make it another step: a replay takes settings of [compute] "
                "and optim.micro_batch alone"));
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
  const std::string manifest = file + "/manifest.json", whole = read_text_file(manifest);
  const std::string damaged = manifest + " is damaged or no checkpoint's manifest: ";
  std::ofstream(manifest, std::ios::app) << "x";
  EXPECT_THAT(refusal(file), HasSubstr(fmt::format("{}from byte {} on it is no JSON.", damaged,
                                                   whole.size() + 1)));
  std::ofstream(manifest) << whole.substr(0, whole.size() / 2);
  EXPECT_THAT(refusal(file), HasSubstr(damaged + "it ends too early."));
  std::ofstream(manifest) << R"({"format": "ijepa-checkpoint"})";
  EXPECT_THAT(refusal(file), HasSubstr(damaged + "key 'version' not found."));
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

TEST_F(ReplayedSteps, ThatCannotBeCountedAreExplained) {
  PretrainRecipe r = recipe("run");
  fs::create_directories(path("run"));
  std::ofstream(path("run") / "non_finite") << "in the way";
  train(r, 8);
  ASSERT_EQ(events(r).size(), 2U);
  EXPECT_THAT(events(r).front().at("explanation").get<std::string>(),
              HasSubstr(" It is not kept for --replay: "));
  EXPECT_THAT(events(r).front().at("explanation").get<std::string>(),
              HasSubstr((path("run") / "non_finite").string()));
  EXPECT_FALSE(events(r).back().contains("explanation")) << "one was, though it is not kept";
}

}  // namespace
}  // namespace ijepa::test
