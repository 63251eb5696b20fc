#include <gtest/gtest.h>

#include <fstream>

#include "src/train/checkpoint/checkpoint_folder.hpp"
#include "tests/train/checkpoint_support.hpp"

namespace ijepa::test {
namespace {

using Steps = std::vector<std::int64_t>;

TEST(CheckpointRetention, KeepsTheLastTheMilestonesAndTheProtected) {
  const Steps steps{50, 45, 40, 35, 30, 25, 20, 15};
  const CheckpointPolicy policy{.keep_last = 2, .keep_every = 20};
  EXPECT_EQ(expendable(steps, 50, policy, {}), (Steps{35, 30, 25, 15}));
  const CheckpointMarks marks{.best = BestCheckpoint{25, "rankme", 9}, .healthy = 35};
  EXPECT_EQ(expendable(steps, 50, policy, marks), (Steps{30, 15}));
}

TEST(CheckpointRetention, WhatIsNewerThanTheSavedOneDoesNotCountAndStays) {
  EXPECT_EQ(expendable({90, 80, 30, 20, 10}, 30, {.keep_last = 2}, {}), Steps{10});
}

TEST(CheckpointMarks, TheNewestNotAfterAHealthyMeasurementIsHealthy) {
  const Steps steps{30, 20, 10};
  EXPECT_EQ(updated({}, steps, 30, {.healthy_until = -1, .figure = {}}).healthy, std::nullopt);
  EXPECT_EQ(updated({}, steps, 30, {.healthy_until = 25, .figure = {}}).healthy, 20);
  EXPECT_EQ(updated({}, steps, 30, {.healthy_until = 30, .figure = {}}).healthy, 30);
  // A collapsed run's marks stay where they were.
  const CheckpointMarks before{.best = {}, .healthy = 20};
  EXPECT_EQ(updated(before, steps, 30, {.healthy_until = 12, .figure = {}}).healthy, 20);
  // The run was taken up from before the measurement; step 40 is of its former life.
  EXPECT_EQ(updated({}, {40, 30, 20}, 30, {.healthy_until = 99, .figure = {}}).healthy, 30);
}

TEST(CheckpointMarks, TheBestIsTheOneLastSavedAsSuchWhileItIsThere) {
  const StepVerdict best{.healthy_until = -1, .figure = "rankme", .value = 7.5};
  EXPECT_EQ(updated({}, {30}, 30, best).best, (BestCheckpoint{30, "rankme", 7.5}));
  const CheckpointMarks before{.best = BestCheckpoint{20, "rankme", 6}, .healthy = {}};
  EXPECT_EQ(updated(before, {30, 20}, 30, {}).best, before.best);
  EXPECT_EQ(updated(before, {30}, 30, {}).best, std::nullopt);
}

class Marks : public CheckpointTest {};

TEST_F(Marks, SurviveARestart) {
  TinyModel model(1);
  save(model, 3);
  const CheckpointMarks marks{.best = BestCheckpoint{3, "rankme", 0.1}, .healthy = 2};
  write_marks(run_dir(), marks);
  EXPECT_EQ(read_marks(run_dir()), marks);
  EXPECT_EQ(marks.text(3), "best rankme 0.1");
  EXPECT_EQ(marks.text(2), "healthy");
  EXPECT_EQ(marks.text(1), "");
}

TEST_F(Marks, ThatCannotBeReadKeepEveryCheckpoint) {
  TinyModel model(1);
  for (const std::int64_t step : {1, 2}) save(model, step);
  std::ofstream(run_dir() + "/checkpoints/protected.json") << "{\"best\": {";
  const auto outcome = store().save(*comm_, {3, {}}, model.tensors());
  EXPECT_TRUE(outcome.saved());
  EXPECT_NE(outcome.note.find("does not say which checkpoints are protected"), std::string::npos);
  EXPECT_EQ(list_checkpoints(run_dir()).size(), 3U);
}

}  // namespace
}  // namespace ijepa::test
