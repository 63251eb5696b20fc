#include "ijepa/tasks/probing/linear_probe.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "tests/tasks/probing/examples.hpp"

namespace ijepa {
namespace {

using test::clusters;
using test::message_of;

LinearProbeResult probe(const LabelledFeatures& train, const LabelledFeatures& test,
                        const LinearProbeOptions& options = {}) {
  return linear_probe(train, test, options, *local_communicator());
}

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

TEST(LinearHeads, PartsOfABatchAddUp) {
  const auto set = clusters(9, 5, 3, 1, 0);
  LinearHeads<float> heads(5, 3, {{0.1, 0}, {0.2, 0}}, 0);
  for (std::size_t i = 0; i < heads.weight.values.size(); ++i)
    heads.weight.values[i] = 0.1F * static_cast<float>(i % 7);
  LinearHeads<float>::Gradient whole, first, second;
  const auto labels = std::span(set.labels);
  heads.gradient(set.features.view(), labels, 1.0 / 9, whole);
  heads.gradient(set.features.view().slice(0, 4), labels.first(4), 1.0 / 9, first);
  heads.gradient(set.features.view().slice(4, 5), labels.subspan(4), 1.0 / 9, second);
  for (std::size_t i = 0; i < whole.weight.values.size(); ++i)
    EXPECT_NEAR(whole.weight.values[i], first.weight.values[i] + second.weight.values[i], 1e-6);
  EXPECT_NEAR(whole.losses[1], first.losses[1] + second.losses[1], 1e-6);
  LinearHeads<float>::Gradient none = whole;
  heads.gradient(set.features.view().slice(0, 0), {}, 1.0 / 9, none);
  EXPECT_TRUE(std::ranges::all_of(none.weight.values, [](float v) { return v == 0; }));
  EXPECT_TRUE(std::ranges::all_of(none.bias, [](float v) { return v == 0; }));
}

TEST(LinearHeads, LarsFollowsItsFormula) {
  const auto set = clusters(6, 3, 2, 1, 0);
  Matrix<double> x(6, 3);
  std::ranges::copy(set.features.values, x.values.begin());
  constexpr double rate = 2, decay = 0.1, momentum = 0.9, trust = 0.001;
  LinearHeads<double> heads(3, 2, {{rate, decay}}, momentum, HeadOptimizer::lars);
  for (std::size_t i = 0; i < 6; ++i) heads.weight.values[i] = 0.2 * static_cast<double>(i) - 0.3;
  std::vector<double> velocity(6);
  for (int s = 0; s < 3; ++s) {
    LinearHeads<double>::Gradient g;
    heads.gradient(x.view(), set.labels, 1.0 / 6, g);
    const auto length = [](const std::vector<double>& v) {
      return std::sqrt(std::inner_product(v.begin(), v.end(), v.begin(), 0.0));
    };
    const double w = length(heads.weight.values);
    const double q = trust * w / (length(g.weight.values) + decay * w);
    auto expected = heads.weight.values;
    for (std::size_t i = 0; i < 6; ++i) {
      velocity[i] = momentum * velocity[i] + rate * q * (g.weight.values[i] + decay * expected[i]);
      expected[i] -= velocity[i];
    }
    heads.update(g, 1);
    for (std::size_t i = 0; i < 6; ++i)
      EXPECT_NEAR(heads.weight.values[i], expected[i], 1e-12) << "step " << s;
  }
}

TEST(LinearProbe, SeparatesClusters) {
  const auto result = probe(clusters(300, 16, 7, 0.3, 0), clusters(70, 16, 7, 0.3, 1), quick());
  EXPECT_DOUBLE_EQ(result.test.top1, 1);
  EXPECT_DOUBLE_EQ(result.test.top5, 1);
  EXPECT_DOUBLE_EQ(result.grid[result.best].validation.accuracy.top1, 1);
  EXPECT_EQ(result.grid.size(), 16U);  // without and with batch norm, 4 rates, 2 decays
}

TEST(LinearProbe, IsNearChanceOnNoise) {
  const auto result = probe(clusters(500, 16, 10, 1e4, 0), clusters(1000, 16, 10, 1e4, 1), quick());
  EXPECT_NEAR(result.test.top1, 0.1, 0.04);
  EXPECT_NEAR(result.test.top5, 0.5, 0.08);
}

TEST(LinearProbe, ScaleAndConstantChannelsDoNotMatter) {
  auto train = clusters(200, 8, 4, 0.8, 0), test = clusters(80, 8, 4, 0.8, 1);
  const auto plain = probe(train, test, quick());
  for (auto* set : {&train, &test})
    for (std::int64_t i = 0; i < set->features.rows; ++i) {
      set->features.row(i)[0] = 3;  // says nothing, but its std is 0
      set->features.row(i)[1] *= 1024;
    }
  const auto scaled = probe(train, test, quick());
  EXPECT_NEAR(scaled.test.top1, plain.test.top1, 0.1);
}

TEST(LinearProbe, GivesTheSameResultEveryTime) {
  const auto train = clusters(200, 8, 4, 2, 0), test = clusters(80, 8, 4, 2, 1);
  const auto a = probe(train, test, quick()), b = probe(train, test, quick());
  EXPECT_EQ(a.test.top1, b.test.top1);
  EXPECT_EQ(a.best, b.best);
  for (std::size_t i = 0; i < a.grid.size(); ++i)
    EXPECT_EQ(a.grid[i].test.loss, b.grid[i].test.loss) << i;
}

TEST(LinearProbe, ADivergedHeadIsNotChosen) {
  auto options = quick();
  options.learning_rates = {1e30, 0.01};
  options.weight_decays = {0.1};
  const auto result = probe(clusters(200, 8, 4, 0.3, 0), clusters(40, 8, 4, 0.3, 1), options);
  EXPECT_EQ(result.grid[result.best].head.settings.learning_rate, 0.01);
  EXPECT_EQ(result.grid[0].test.accuracy.top1, 0);
  EXPECT_DOUBLE_EQ(result.test.top1, 1);
}

TEST(LinearProbe, LarsLearnsWithTheRatesOfThePaper) {
  auto options = paper_protocol();
  options.epochs = 60;
  options.batch = 256;  // so that there are as many steps as the rates need
  options.learning_rates = {0.5, 2};
  const auto result = probe(clusters(600, 16, 4, 0.3, 0), clusters(40, 16, 4, 0.3, 1), options);
  EXPECT_GT(result.test.top1, 0.9);
  EXPECT_EQ(paper_protocol().learning_rates.size() * paper_protocol().weight_decays.size(), 6U);
}

TEST(LinearProbe, TestImagesDoNotChooseTheHead) {
  const auto train = clusters(200, 8, 4, 2, 0), test = clusters(80, 8, 4, 2, 1);
  auto wrong = test;
  for (auto& label : wrong.labels) label = (label + 1) % 4;
  EXPECT_EQ(probe(train, test, quick()).best, probe(train, wrong, quick()).best);
}

TEST(LinearProbe, ConfusionCountsEveryTestImage) {
  const auto result = probe(clusters(200, 8, 4, 1, 0), clusters(81, 8, 4, 1, 1), quick());
  const auto& c = result.confusion;
  double diagonal = 0, all = 0;
  for (std::int64_t t = 0; t < 4; ++t) {
    double row = 0;
    for (const double v : c.counts.row(t)) row += v;
    EXPECT_EQ(row, c.images[static_cast<std::size_t>(t)]);
    EXPECT_EQ(c.counts.row(t)[static_cast<std::size_t>(t)], c.hits[static_cast<std::size_t>(t)]);
    diagonal += c.hits[static_cast<std::size_t>(t)];
    all += row;
  }
  EXPECT_EQ(all, 81);
  EXPECT_DOUBLE_EQ(diagonal / all, result.test.top1);
}

TEST(LinearProbe, RefusesWhatCannotWork) {
  const auto train = clusters(40, 4, 2, 1, 0), test = clusters(8, 4, 2, 1, 1);
  EXPECT_NE(message_of([&] { probe(clusters(8, 4, 2, 1, 0), test); }).find("at least 10"),
            std::string::npos);
  EXPECT_NE(message_of([&] { probe(train, {{0, 4}, {}, 2}); }).find("is empty"), std::string::npos);
}

}  // namespace
}  // namespace ijepa
