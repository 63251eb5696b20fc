// Interpolation, loss and scores against a naive reference; the golden tests have the reference's
// own numbers.
#include "ijepa/tasks/segmentation/pixel_loss.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/segmentation/labels.hpp"
#include "ijepa/tasks/segmentation/scores.hpp"

namespace ijepa::test {
namespace {

constexpr std::size_t classes = 3;

struct Case {
  Grid cells;
  Size size;
};

std::vector<double> random_scores(Grid cells) {
  std::vector<double> low(static_cast<std::size_t>(cells.tokens()) * classes);
  Rng rng(1, Purpose::test);
  for (auto& v : low) v = rng.normal();
  return low;
}

IndexImage random_labels(Size size) {
  IndexImage labels{size.height, size.width, {}};
  Rng rng(2, Purpose::test);
  for (int i = 0; i < size.height * size.width; ++i) {
    const auto drawn = rng.below(classes + 1);
    labels.index.push_back(drawn == classes ? ignored_label : static_cast<std::uint8_t>(drawn));
  }
  return labels;
}

class PixelLoss : public ::testing::TestWithParam<Case> {};

TEST_P(PixelLoss, GradientAgreesWithCentralDifferencesAndThreadsChangeNothing) {
  const auto [cells, size] = GetParam();
  auto low = random_scores(cells);
  const auto labels = random_labels(size);
  std::vector<double> dlow(low.size()), again(low.size());
  const auto result = pixel_loss<double>(low, cells, labels, 0.5, dlow, 1);
  EXPECT_EQ(result.loss, pixel_loss<double>(low, cells, labels, 0.5, again, 3).loss);
  EXPECT_EQ(dlow, again);
  EXPECT_EQ(std::accumulate(result.confusion.begin(), result.confusion.end(), std::int64_t{0}),
            result.pixels);
  for (std::size_t i = 0; i < low.size(); i += 1 + low.size() / 40) {
    const auto loss_at = [&, &cells = cells](double h) {
      auto moved = low;
      moved[i] += h;
      return 0.5 * pixel_loss<double>(moved, cells, labels, 0.5, {}, 1).loss;
    };
    EXPECT_NEAR((loss_at(1e-5) - loss_at(-1e-5)) / 2e-5, dlow[i], 1e-7) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, PixelLoss,
                         ::testing::Values(Case{{4, 5}, {70, 33}}, Case{{1, 1}, {3, 4}},
                                           Case{{7, 3}, {5, 40}}),
                         [](const auto& test) {
                           return std::to_string(test.param.size.height) + "x" +
                                  std::to_string(test.param.size.width);
                         });

TEST(Upsampling, KeepsAPlaneAndRepeatsEdges) {
  // Scores that grow evenly along x: between the outer centres the large map does too.
  const Grid cells{1, 4};
  std::vector<float> low;
  for (int x = 0; x < 4; ++x) low.insert(low.end(), {static_cast<float>(x), 0});
  std::vector<float> sum(8 * 2);
  add_upsampled(low, cells, {1, 8}, sum.data(), sum.size());
  const std::vector<float> expected{0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3};
  for (std::size_t x = 0; x < 8; ++x) EXPECT_NEAR(sum[2 * x], expected[x], 1e-6) << x;
  const std::vector<float> turned{1, 0, 0, 1};
  EXPECT_EQ(upsampled_classes(turned, {1, 2}, {2, 4}, 2).index,
            (std::vector<std::uint8_t>{0, 0, 1, 1, 0, 0, 1, 1}));
}

TEST(Scores, LeaveAbsentClassesOutOfTheMeanButCompatCountsThemAsZero) {
  // Truth 0: 3 right, 1 taken for 1. Truth 1: 4 right. Class 2 never.
  const PixelResult batch{8.0, 8, {3, 1, 0, 0, 4, 0, 0, 0, 0}};
  const auto scores = scores_of(batch.confusion);
  EXPECT_NEAR(scores.iou[0], 0.75, 1e-12);
  EXPECT_NEAR(scores.iou[1], 0.8, 1e-12);
  EXPECT_TRUE(std::isnan(scores.iou[2]));
  EXPECT_EQ(scores.absent, 1);
  EXPECT_NEAR(scores.mean_iou, 0.775, 1e-12);
  EXPECT_NEAR(scores.pixel_accuracy, 7.0 / 8, 1e-12);
  ScoreSum sum(3);
  sum.add(batch);
  sum.add({2.0, 2, {1, 0, 0, 0, 0, 0, 0, 0, 1}});
  EXPECT_NEAR(sum.loss(), 1.0, 1e-12);
  EXPECT_NEAR(sum.scores().pixel_accuracy, 0.9, 1e-12);
  // Two batches, divided by three.
  EXPECT_NEAR(sum.compat().loss, 2.0 / 3, 1e-12);
  EXPECT_NEAR(sum.compat().pixel_accuracy, (7.0 / 8 + 1) / 3, 1e-12);
  EXPECT_NEAR(sum.compat().mean_iou, ((0.75 + 0.8) / 3 + 2.0 / 3) / 3, 1e-12);
}

}  // namespace
}  // namespace ijepa::test
