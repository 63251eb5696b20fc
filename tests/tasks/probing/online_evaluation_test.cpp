#include "ijepa/tasks/probing/online_evaluation.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ijepa/train/fit/trainer.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"

namespace ijepa::test {
namespace {

class OnlineRun : public ::testing::Test {
 protected:
  OnlineRun() {
    write_pictures(path("train"), {.images = 70});
    write_pictures(path("test"), {.images = 20, .split = synth::Split::test});
    recipe_ = tiny_recipe(path("train"), path("run"));
    recipe_.eval.test_shards = path("test");
    recipe_.eval.every_epochs = 2;  // an epoch has 4 steps
    recipe_.optim.max_steps = 9;
  }

  std::string path(const std::string& name) const { return (folder_.path() / name).string(); }
  void train() {
    auto recipe = recipe_;
    resolve(recipe);
    const auto comm = local_communicator();
    const StopSignal stop;
    Trainer(recipe, {}, *comm, stop, Log(1), [](auto&... parts) {
      return std::make_unique<OnlineEvaluation>(parts...);
    }).run();
  }
  std::vector<nlohmann::json> events(const std::string& name) const {
    std::vector<nlohmann::json> found;
    std::ifstream file(path("run") + "/events.jsonl");
    for (std::string line; std::getline(file, line);)
      if (auto event = nlohmann::json::parse(line); event["event"] == name) found.push_back(event);
    return found;
  }

  TemporaryFolder folder_;
  PretrainRecipe recipe_;
};

TEST_F(OnlineRun, LogsAccuraciesFromTheUntrainedNetworkToTheEnd) {
  recipe_.eval.linear = true;
  recipe_.eval.images = 50;
  train();
  const auto found = events("evaluation");
  std::vector<int> steps;
  for (const auto& event : found) {
    steps.push_back(event["step"]);
    for (const char* figure : {"knn_top1", "knn_top5", "linear_top1", "linear_top5"}) {
      EXPECT_GE(event[figure], 0) << figure;
      EXPECT_LE(event[figure], 1) << figure;
    }
  }
  EXPECT_EQ(steps, (std::vector{0, 8, 9}));
}

TEST_F(OnlineRun, GoesOnFromACheckpointWithoutRepeatingItself) {
  for (const int steps : {3, 9}) {
    recipe_.optim.max_steps = steps;
    train();
  }
  EXPECT_EQ(events("evaluation").size(), 4U);  // 0, 3 (the end of a slice), 8, 9
}

TEST_F(OnlineRun, RefusesImagesThatCannotBeJudgedBeforeTheFirstStep) {
  recipe_.eval.test_shards = path("none");
  EXPECT_NE(message_of([&] { train(); }).find("none"), std::string::npos);
  write_pictures(path("other"), {.images = 20, .classes = 4});
  recipe_.eval.test_shards = path("other");
  EXPECT_NE(message_of([&] { train(); }).find("has the class"), std::string::npos);
  write_pictures(path("damaged"), {.images = 20, .damaged = 7});
  recipe_.eval.test_shards = path("damaged");
  EXPECT_NE(message_of([&] { train(); }).find("cannot be read"), std::string::npos);
  EXPECT_TRUE(list_checkpoints(path("run")).empty());
}

TEST_F(OnlineRun, AnEvaluationThatFailsLaterStopsNothing) {
  recipe_.optim.max_steps = 3;
  train();
  write_pictures(path("test"), {.images = 20, .split = synth::Split::test, .damaged = 7});
  recipe_.optim.max_steps = 9;
  train();
  EXPECT_EQ(final_state(path("run")).step, 9);
  EXPECT_EQ(events("evaluation").size(), 2U);
  EXPECT_EQ(events("evaluation_failed").size(), 2U);
}

TEST_F(OnlineRun, BfloatRunsAreEvaluatedToo) {
  recipe_.compute.precision = recipe_.compute.residual = DType::bf16;
  recipe_.optim.max_steps = 2;
  train();
  EXPECT_EQ(events("evaluation").size(), 2U);
}

}  // namespace
}  // namespace ijepa::test
