// The sums of pooled losses: parts add up to the whole, and the losses are what their formulas say.
#include "ijepa/model/pooled_sums.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t rows = 9, width = 5;

/// Correlated numbers around a mean far from zero, some of deviation above 1.
Matrix<double> numbers() {
  Rng rng(4, Purpose::test);
  Matrix<double> x(rows, width);
  for (std::int64_t i = 0; i < rows; ++i) {
    const double common = rng.normal();
    for (std::int64_t d = 0; d < width; ++d)
      x.row(i)[static_cast<std::size_t>(d)] =
          7 + (0.3 + 0.4 * static_cast<double>(d)) * (common + rng.normal());
  }
  return x;
}

PooledSums sums_of(MatrixView<const double> x) {
  std::vector<double> mean(width), scatter(width * width);
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::size_t d = 0; d < mean.size(); ++d)
      mean[d] += x.row(i)[d] / static_cast<double>(x.rows);
  for (std::int64_t i = 0; i < x.rows; ++i)
    for (std::size_t k = 0; k < scatter.size(); ++k)
      scatter[k] +=
          (x.row(i)[k / width] - mean[k / width]) * (x.row(i)[k % width] - mean[k % width]);
  PooledSums sums(width, true);
  sums.add(x, x, scatter);
  return sums;
}

/// V + R, term by term.
double direct_value(const Matrix<double>& x) {
  Matrix<double> c(width, width);
  for (std::size_t d = 0; d < width; ++d)
    for (std::size_t e = 0; e < width; ++e) {
      double md = 0, me = 0, sum = 0;
      for (std::int64_t i = 0; i < rows; ++i) md += x.row(i)[d] / rows, me += x.row(i)[e] / rows;
      for (std::int64_t i = 0; i < rows; ++i) sum += (x.row(i)[d] - md) * (x.row(i)[e] - me);
      c.row(static_cast<std::int64_t>(d))[e] = sum / (rows - 1);
    }
  double value = 0;
  for (std::size_t k = 0; k < c.values.size(); ++k)
    value += k / width == k % width ? std::max(0.0, 1 - std::sqrt(c.values[k] + 1e-4)) / width
                                    : c.values[k] * c.values[k] / width;
  return value;
}

TEST(PooledSums, PartsAddUpToTheWhole) {
  const auto x = numbers();
  PooledSums whole = sums_of(x.view()), parts = sums_of(x.view().slice(0, 2)),
             rest = sums_of(x.view().slice(2, rows - 2));
  std::ranges::transform(parts.flat(), rest.flat(), parts.flat().begin(), std::plus<>());
  for (std::size_t i = 0; i < whole.flat().size(); ++i)
    EXPECT_NEAR(parts.flat()[i], whole.flat()[i], 1e-12 * std::abs(whole.flat()[i]));
  EXPECT_EQ(parts.count(), rows);
}

TEST(PooledSums, GoalsAreMeanAndDeviationOfEachFeature) {
  const auto x = numbers();
  const auto goal = sums_of(x.view()).goal();
  const auto c = sums_of(x.view()).covariance();
  const auto mean = sums_of(x.view()).mean();
  for (std::size_t d = 0; d < width; ++d) {
    EXPECT_NEAR(goal.mean[d], mean[d], 1e-12);
    EXPECT_NEAR(goal.deviation[d], std::sqrt(c.row(static_cast<std::int64_t>(d))[d]), 1e-9);
  }
}

TEST(PooledSums, VarianceAndCovarianceHaveTheFormulasValueAndGradient) {
  auto x = numbers();
  const auto terms = variance_covariance(sums_of(x.view()));
  EXPECT_NEAR(terms.value, direct_value(x), 1e-10);
  const auto mean = sums_of(x.view()).mean();
  bool above = false, below = false;
  for (std::size_t d = 0; d < width; ++d) {
    const double m = terms.gradient.row(static_cast<std::int64_t>(d))[d];
    above |= m == 0;
    below |= m < 0;
  }
  EXPECT_TRUE(above && below) << "both sides of the hinge are wanted";
  constexpr double h = 1e-5;
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::size_t d = 0; d < width; ++d) {
      double gradient = 0;
      for (std::size_t e = 0; e < width; ++e)
        gradient += terms.gradient.row(static_cast<std::int64_t>(d))[e] * (x.row(i)[e] - mean[e]);
      const double start = x.row(i)[d];
      x.row(i)[d] = start + h;
      const double high = direct_value(x);
      x.row(i)[d] = start - h;
      const double low = direct_value(x);
      x.row(i)[d] = start;
      EXPECT_NEAR(gradient, (high - low) / (2 * h), 1e-7 * std::max(1.0, std::abs(gradient)));
    }
}

TEST(PooledSums, CentreHasTheFormulasValueAndGradient) {
  auto x = numbers();
  const auto value = [&] {
    double sum = 0;
    for (std::size_t d = 0; d < width; ++d) {
      double mean = 0;
      for (std::int64_t i = 0; i < rows; ++i) mean += x.row(i)[d] / rows;
      sum += mean * mean / width;
    }
    return sum;
  };
  const auto term = centre(sums_of(x.view()));
  EXPECT_NEAR(term.value, value(), 1e-10);
  constexpr double h = 1e-5;
  for (std::size_t d = 0; d < width; ++d) {
    x.row(3)[d] += h;
    const double high = value();
    x.row(3)[d] -= 2 * h;
    EXPECT_NEAR(term.gradient[d], (high - value()) / (2 * h), 1e-7);
    x.row(3)[d] += h;
  }
}

}  // namespace
}  // namespace ijepa
