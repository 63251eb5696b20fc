// Schedules: the values that can be read off the formulas, at the seams where they change.
#include "ijepa/train/recipe/schedule.hpp"

#include <gtest/gtest.h>

namespace ijepa {
namespace {

OptimSettings ten_epochs() {
  OptimSettings optim;
  optim.epochs = 10;
  optim.warmup_epochs = 2;
  return optim;
}

TEST(Schedule, LearningRateRisesLinearlyThenFollowsACosine) {
  const Schedule s(ten_epochs(), 10);  // 20 warm-up steps of 100
  EXPECT_DOUBLE_EQ(s.learning_rate(1), 2e-4 + 8e-4 / 20);
  EXPECT_DOUBLE_EQ(s.learning_rate(20), 1e-3);
  EXPECT_DOUBLE_EQ(s.learning_rate(60), 1e-6 + (1e-3 - 1e-6) / 2);
  EXPECT_DOUBLE_EQ(s.learning_rate(100), 1e-6);
}

TEST(Schedule, WithoutWarmUpTheCosineStartsAtOnce) {
  auto optim = ten_epochs();
  optim.warmup_epochs = 0;
  const Schedule s(optim, 10);
  EXPECT_LT(s.learning_rate(1), 1e-3);
  EXPECT_GT(s.learning_rate(1), 0.999e-3);
}

TEST(Schedule, WarmUpLongerThanTheRunNeverDividesByZero) {
  auto optim = ten_epochs();
  optim.warmup_epochs = 10;
  const Schedule s(optim, 1);
  EXPECT_DOUBLE_EQ(s.learning_rate(5), 2e-4 + 8e-4 / 2);
  EXPECT_DOUBLE_EQ(s.learning_rate(10), 1e-3);
}

TEST(Schedule, WeightDecayStaysBetweenItsEnds) {
  auto optim = ten_epochs();
  const Schedule rising(optim, 10);
  EXPECT_NEAR(rising.weight_decay(50), 0.22, 1e-12);
  EXPECT_DOUBLE_EQ(rising.weight_decay(100), 0.4);
  std::swap(optim.weight_decay, optim.final_weight_decay);
  const Schedule falling(optim, 10);
  EXPECT_NEAR(falling.weight_decay(50), 0.22, 1e-12);
  EXPECT_DOUBLE_EQ(falling.weight_decay(100), 0.04);
}

TEST(Schedule, MomentumIsLinearAndEndsWithTheSchedule) {
  auto optim = ten_epochs();
  EXPECT_DOUBLE_EQ(Schedule(optim, 10).momentum(1), 0.996);
  EXPECT_DOUBLE_EQ(Schedule(optim, 10).momentum(51), 0.998);
  optim.ipe_scale = 0.5;
  EXPECT_DOUBLE_EQ(Schedule(optim, 10).momentum(100), 1.0);
  optim.ipe_scale = 1.25;
  EXPECT_DOUBLE_EQ(Schedule(optim, 10).momentum(101), 0.996 + 0.004 / 1.25);
}

TEST(Schedule, EachPartOfARunThatLearnsFromPixelsFirstHasItsOwn) {
  const auto optim = ten_epochs();
  const Schedule both(optim, 10, 4.05);
  EXPECT_EQ(both.pixel_steps(), 40);
  auto first = optim, second = optim;
  first.epochs = 4;
  second.epochs = 6;
  const Schedule pixels(first, 10), features(second, 10);
  for (const std::int64_t step : {1, 7, 20, 33, 40}) {
    EXPECT_DOUBLE_EQ(both.learning_rate(step), pixels.learning_rate(step)) << step;
    EXPECT_DOUBLE_EQ(both.weight_decay(step), pixels.weight_decay(step)) << step;
    EXPECT_DOUBLE_EQ(both.momentum(step), optim.ema_start) << step;
  }
  for (const std::int64_t step : {1, 7, 20, 33, 60}) {
    EXPECT_DOUBLE_EQ(both.learning_rate(40 + step), features.learning_rate(step)) << step;
    EXPECT_DOUBLE_EQ(both.weight_decay(40 + step), features.weight_decay(step)) << step;
    EXPECT_DOUBLE_EQ(both.momentum(40 + step), features.momentum(step)) << step;
  }
}

}  // namespace
}  // namespace ijepa
