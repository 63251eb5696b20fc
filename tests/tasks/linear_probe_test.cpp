#include "ijepa/tasks/linear_probe.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/tasks/examples.hpp"

namespace ijepa {
namespace {

using test::clusters;
using test::message_of;

LinearProbeOptions quick() {
  LinearProbeOptions o;
  o.epochs = 20;
  o.batch = 32;
  return o;
}

TEST(LinearHeads, GradientIsThatOfTheLoss) {
  // One step with momentum 0 and rate 1 moves by the gradient: compare with central differences.
  const auto set = clusters(5, 3, 4, 1, 0);
  Matrix<double> x(5, 3);
  std::ranges::copy(set.features.values, x.values.begin());
  const auto loss_at = [&](std::size_t moved, double by) {
    LinearHeads<double> head(3, 4, {{1, 0}}, 0);
    for (std::size_t i = 0; i < 12; ++i) head.weight.values[i] = 0.1 * static_cast<double>(i) - 0.4;
    head.bias = {0.1, -0.2, 0.3, 0};
    (moved < 12 ? head.weight.values[moved] : head.bias[moved - 12]) += by;
    const auto before = head;
    const double loss = head.step(x.view(), set.labels, 1)[0];
    const double gradient = moved < 12 ? before.weight.values[moved] - head.weight.values[moved]
                                       : before.bias[moved - 12] - head.bias[moved - 12];
    return std::pair(loss, gradient);
  };
  for (std::size_t i = 0; i < 16; ++i) {
    const double numeric = (loss_at(i, 1e-5).first - loss_at(i, -1e-5).first) / 2e-5;
    EXPECT_NEAR(loss_at(i, 0).second, numeric, 1e-9) << i;
  }
}

TEST(LinearHeads, HeadsDoNotTouchOneAnother) {
  const auto set = clusters(16, 6, 3, 1, 0);
  LinearHeads<float> both(6, 3, {{0.1, 0.01}, {0.5, 0}}, 0.9), second(6, 3, {{0.5, 0}}, 0.9);
  for (int i = 0; i < 5; ++i) {
    const auto together = both.step(set.features.view(), set.labels, 1);
    const auto alone = second.step(set.features.view(), set.labels, 1);
    EXPECT_NEAR(together[1], alone[0], 1e-6);
  }
}

TEST(LinearProbe, SeparatesClusters) {
  const auto result =
      linear_probe(clusters(300, 16, 7, 0.3, 0), clusters(70, 16, 7, 0.3, 1), quick());
  EXPECT_DOUBLE_EQ(result.test.top1, 1);
  EXPECT_DOUBLE_EQ(result.test.top5, 1);
  EXPECT_DOUBLE_EQ(result.validation_top1, 1);
}

TEST(LinearProbe, IsNearChanceOnNoise) {
  const auto result =
      linear_probe(clusters(500, 16, 10, 1e4, 0), clusters(1000, 16, 10, 1e4, 1), quick());
  EXPECT_NEAR(result.test.top1, 0.1, 0.04);
  EXPECT_NEAR(result.test.top5, 0.5, 0.08);
}

TEST(LinearProbe, ScaleAndConstantChannelsDoNotMatter) {
  auto train = clusters(200, 8, 4, 0.8, 0), test = clusters(80, 8, 4, 0.8, 1);
  const auto plain = linear_probe(train, test, quick());
  for (auto* set : {&train, &test})
    for (std::int64_t i = 0; i < set->features.rows; ++i) {
      set->features.row(i)[0] = 3;  // says nothing, but its std is 0
      set->features.row(i)[1] *= 1024;
    }
  const auto scaled = linear_probe(train, test, quick());
  EXPECT_NEAR(scaled.test.top1, plain.test.top1, 0.1);
}

TEST(LinearProbe, GivesTheSameResultEveryTime) {
  const auto train = clusters(200, 8, 4, 2, 0), test = clusters(80, 8, 4, 2, 1);
  const auto a = linear_probe(train, test, quick()), b = linear_probe(train, test, quick());
  EXPECT_EQ(a.test.top1, b.test.top1);
  EXPECT_EQ(a.chosen.learning_rate, b.chosen.learning_rate);
  EXPECT_EQ(a.validation_top1, b.validation_top1);
}

TEST(LinearProbe, ADivergedHeadIsNotChosen) {
  auto options = quick();
  options.learning_rates = {1e30, 0.01};
  options.weight_decays = {0.1};
  const auto result =
      linear_probe(clusters(200, 8, 4, 0.3, 0), clusters(40, 8, 4, 0.3, 1), options);
  EXPECT_EQ(result.chosen.learning_rate, 0.01);
  EXPECT_DOUBLE_EQ(result.test.top1, 1);
}

TEST(LinearProbe, RefusesWhatCannotWork) {
  const auto train = clusters(40, 4, 2, 1, 0), test = clusters(8, 4, 2, 1, 1);
  const auto said = [&](auto change) {
    auto options = quick();
    change(options);
    return message_of([&] { linear_probe(train, test, options); });
  };
  EXPECT_NE(said([](auto& o) { o.epochs = 0; }).find("at least 1 epoch"), std::string::npos);
  EXPECT_NE(said([](auto& o) { o.learning_rates.clear(); }).find("one learning rate"),
            std::string::npos);
  EXPECT_NE(said([](auto& o) { o.learning_rates = {-1}; }).find("above 0"), std::string::npos);
  EXPECT_NE(said([](auto& o) { o.validation_share = 1; }).find("between 0 and 1"),
            std::string::npos);
  EXPECT_NE(message_of([&] { linear_probe(clusters(8, 4, 2, 1, 0), test); }).find("at least 10"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              linear_probe(train, {{0, 4}, {}, 2});
            }).find("is empty"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa
