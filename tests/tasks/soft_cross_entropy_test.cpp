#include "ijepa/tasks/soft_cross_entropy.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/mix_images.hpp"
#include "tests/tasks/examples.hpp"

namespace ijepa::test {
namespace {

Matrix<double> draws(std::int64_t rows, std::int64_t cols, double scale) {
  Matrix<double> m(rows, cols);
  Rng rng(3, Purpose::test);
  for (auto& v : m.values) v = scale * rng.normal();
  return m;
}

TEST(SoftCrossEntropy, OfALabelIsItsNegativeLogProbability) {
  const auto logits = draws(3, 7, 2);
  const std::vector<std::int32_t> labels{0, 6, 3};
  const auto targets = smoothed_targets(labels, 7, 0);
  auto gradient = logits, shares = logits;
  const auto losses = soft_cross_entropy(gradient.view(), targets.view(), 1);
  softmax_rows(shares.view());
  for (std::int64_t i = 0; i < 3; ++i) {
    const auto own = static_cast<std::size_t>(labels[static_cast<std::size_t>(i)]);
    EXPECT_NEAR(losses[static_cast<std::size_t>(i)], -std::log(shares.row(i)[own]), 1e-12);
  }
}

TEST(SoftCrossEntropy, GradientAgreesWithCentralDifferences) {
  const auto logits = draws(2, 5, 1);
  auto targets = smoothed_targets(std::vector<std::int32_t>{1, 4}, 5, 0.1);
  targets.row(0)[1] -= 0.3;
  targets.row(0)[2] += 0.3;
  auto gradient = logits;
  soft_cross_entropy(gradient.view(), targets.view(), 0.5);
  const auto loss_at = [&](std::size_t i, double h) {
    auto moved = logits;
    moved.values[i] += h;
    double sum = 0;
    for (const double loss : soft_cross_entropy(moved.view(), targets.view(), 1)) sum += loss;
    return 0.5 * sum;
  };
  for (std::size_t i = 0; i < logits.values.size(); ++i)
    EXPECT_NEAR((loss_at(i, 1e-5) - loss_at(i, -1e-5)) / 2e-5, gradient.values[i], 1e-9);
}

TEST(SoftCrossEntropy, LargeLogitsStayFinite) {
  Matrix<double> logits(1, 3);
  logits.values = {1e4, -1e4, 0};
  const auto targets = smoothed_targets(std::vector<std::int32_t>{1}, 3, 0);
  EXPECT_NEAR(soft_cross_entropy(logits.view(), targets.view(), 1)[0], 2e4, 1e-6);
  EXPECT_NE(message_of([&] {
              soft_cross_entropy(logits.view(), {nullptr, 1, 2}, 1);
            }).find("(1, 2)"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
