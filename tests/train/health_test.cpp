#include "ijepa/train/health/health.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

/// n images of N patches; every target, feature and prediction is its own normal draw at first.
struct Example {
  Example(std::int64_t n, std::int64_t tokens, std::int64_t width)
      : features(n, width), targets(n * tokens, width), predictions(n * tokens, width) {
    Rng rng(1, Purpose::test);
    for (auto* m : {&features, &targets, &predictions})
      for (auto& v : m->values) v = static_cast<float>(rng.normal());
    rows.resize(static_cast<std::size_t>(n * tokens));
    std::iota(rows.begin(), rows.end(), 0);
  }
  HealthInputs inputs() const {
    return {features.view(), targets.view(), predictions.view(), rows};
  }

  Matrix<float> features, targets, predictions;
  std::vector<std::int32_t> rows;
};

double cosine(std::span<const float> a, std::span<const float> b) {
  double ab = 0, aa = 0, bb = 0;
  for (std::size_t d = 0; d < a.size(); ++d) {
    const double x = a[d], y = b[d];
    ab += x * y;
    aa += x * x;
    bb += y * y;
  }
  return ab / std::sqrt(aa * bb);
}

TEST(Health, RankMeCountsEqualDirections) {
  // Orthogonal rows of one length: every singular value is the same, so RankMe is their number.
  Matrix<double> z(7, 33);
  for (std::int64_t i = 0; i < 7; ++i) z.row(i)[static_cast<std::size_t>(3 * i)] = 2.5;
  EXPECT_NEAR(rankme(z.view()), 7, 1e-4);
  Matrix<double> transposed(33, 7);
  for (std::int64_t i = 0; i < 7; ++i) transposed.row(3 * i)[static_cast<std::size_t>(i)] = 2.5;
  EXPECT_NEAR(rankme(transposed.view()), 7, 1e-4);
  EXPECT_DOUBLE_EQ(rankme(Matrix<double>(5, 4).view()), 1);
}

TEST(Health, SingularValuesOfAKnownMatrix) {
  Matrix<double> z(3, 2);  // [[3, 0], [0, 4], [0, 0]] turned by 45 degrees in the columns
  const double r = std::sqrt(0.5);
  z.values = {3 * r, 3 * r, -4 * r, 4 * r, 0, 0};
  const auto sigma = singular_values(z.view());
  ASSERT_EQ(sigma.size(), 2U);
  EXPECT_NEAR(sigma[0], 4, 1e-12);
  EXPECT_NEAR(sigma[1], 3, 1e-12);
}

TEST(Health, IndependentFeaturesRaiseNoWarningAboutFeatures) {
  const Example e(200, 4, 32);
  const auto h = measure_health(e.inputs());
  EXPECT_GT(h.rankme, 25);
  EXPECT_NEAR(h.feature_std, 1 / std::sqrt(32.0), 0.01);
  EXPECT_NEAR(h.raw_std, 1, 0.02);
  EXPECT_NEAR(h.pairwise_cosine, 0, 0.01);
  EXPECT_NEAR(h.position_share, 3.0 / 799, 0.003);  // chance: (N - 1) / (n N - 1)
  EXPECT_NEAR(h.zero_loss, 0.425, 0.01);            // of unit normal targets
  EXPECT_NEAR(h.cross_sample_gap, 0, 0.01);         // predictions know nothing
  const auto said = warnings(h);
  ASSERT_EQ(said.size(), 3U);  // the gap and the two losses
  EXPECT_NE(said[0].find("the position, not the image"), std::string::npos);
}

TEST(Health, GoodPredictionsRaiseNoWarning) {
  Example e(64, 4, 32);
  for (std::size_t i = 0; i < e.predictions.values.size(); ++i)
    e.predictions.values[i] = 0.7F * e.targets.values[i] + 0.2F * e.predictions.values[i];
  const auto h = measure_health(e.inputs());
  EXPECT_GT(h.cross_sample_gap, 0.8);
  EXPECT_LT(h.loss_to_zero, 0.5);
  EXPECT_LT(h.loss_to_position_mean, 0.5);
  EXPECT_TRUE(warnings(h).empty());
}

TEST(Health, GapIsTheMeanOverAllOtherImages) {
  const Example e(5, 3, 7);
  double gap = 0;
  for (std::int64_t i = 0; i < 15; ++i) {
    double others = 0;
    for (std::int64_t j = i % 3; j < 15; j += 3)
      if (j != i) others += cosine(e.predictions.row(i), e.targets.row(j)) / 4;
    gap += (cosine(e.predictions.row(i), e.targets.row(i)) - others) / 15;
  }
  EXPECT_NEAR(measure_health(e.inputs()).cross_sample_gap, gap, 1e-12);
}

TEST(Health, PairwiseCosineIsTheMeanOverPairs) {
  const Example e(6, 1, 5);
  double sum = 0;
  for (std::int64_t i = 0; i < 6; ++i)
    for (std::int64_t j = 0; j < i; ++j) sum += cosine(e.features.row(i), e.features.row(j)) / 15;
  EXPECT_NEAR(measure_health(e.inputs()).pairwise_cosine, sum, 1e-12);
}

TEST(Health, FullCollapseIsSeen) {
  Example e(32, 4, 16);
  for (auto& v : e.features.values) v = 1 + 1e-3F * v;
  const auto h = measure_health(e.inputs());
  EXPECT_LT(h.rankme, 1.3);
  EXPECT_GT(h.rankme_centred, 10);  // centring removes the one direction that dominates
  EXPECT_GT(h.pairwise_cosine, 0.999);
  EXPECT_LT(h.feature_std, 0.1 / 4);
  EXPECT_EQ(warnings(h).size(), 6U);  // rank, std, cosine, gap and the two losses
}

TEST(Health, PositionCollapseIsSeen) {
  // Targets and predictions are the same in every image: perfect loss, worthless features.
  Example e(16, 9, 8);
  for (std::int64_t i = 9; i < 16 * 9; ++i)
    std::ranges::copy(e.targets.row(i % 9), e.targets.row(i).begin());
  e.predictions = e.targets;
  const auto h = measure_health(e.inputs());
  EXPECT_NEAR(h.position_share, 1, 1e-9);
  EXPECT_NEAR(h.cross_sample_gap, 0, 1e-9);
  EXPECT_NEAR(h.position_mean_loss, 0, 1e-9);
  EXPECT_LT(h.loss_to_zero, 0.01);
  const auto said = warnings(h);
  EXPECT_GE(said.size(), 2U);
  EXPECT_NE(said[0].find("patch position alone explains 100 %"), std::string::npos);
}

TEST(Health, FallingRankIsSeen) {
  Health now, before;
  now.images = before.images = 100;
  now.width = before.width = 50;
  now.rankme = 14;
  before.rankme = 30;
  now.feature_std = 0.14;
  now.cross_sample_gap = 0.2;
  EXPECT_TRUE(warnings(now).empty());
  ASSERT_EQ(warnings(now, &before).size(), 1U);
  EXPECT_NE(warnings(now, &before)[0].find("fell from 30.0 to 14.0"), std::string::npos);
}

TEST(Health, JudgementNamesTheFigureThatDecides) {
  Health h;
  h.images = 256;
  h.width = 96;
  h.feature_std = 0.1;
  h.cross_sample_gap = 0.2;
  h.rankme = 61.2;
  EXPECT_EQ(judgement(h),
            "The features are healthy: RankMe is 61.2 of at most 96 (64 %; good runs had 25 % and "
            "more).");
  h.rankme = 14;
  EXPECT_TRUE(judgement(h).starts_with("The features may be weak: RankMe is 14.0 of at most 96"));
  h.rankme = 61.2;
  h.cross_sample_gap = 0.01;
  EXPECT_TRUE(judgement(h).starts_with("The features may be weak. Predictions fit"));
  EXPECT_TRUE(
      judgement(h).ends_with("RankMe is 61.2 of at most 96 (64 %; good runs had 25 % and "
                             "more)."));
  h.rankme = 14;
  EXPECT_TRUE(judgement(h).starts_with("The features are not healthy. Predictions fit"));
  h.rankme = 61.2;
  h.pairwise_cosine = 0.999;
  EXPECT_TRUE(judgement(h).starts_with("The features are not healthy. Features of different"));
  h.rankme = std::nan("");
  EXPECT_TRUE(judgement(h).starts_with("The features are not healthy. Features, targets or"));
}

TEST(Health, NotANumberIsSaidAtOnce) {
  Example e(4, 2, 3);
  e.targets.values[5] = std::numeric_limits<float>::quiet_NaN();
  const auto h = measure_health(e.inputs());
  EXPECT_TRUE(std::isnan(h.rankme));
  ASSERT_EQ(warnings(h).size(), 1U);
  EXPECT_NE(warnings(h)[0].find("diverged"), std::string::npos);
}

TEST(Health, RefusesWhatDoesNotFit) {
  EXPECT_THROW(measure_health(Example(1, 4, 3).inputs()), Error);
  Example e(4, 2, 3);
  e.rows[0] = 8;
  EXPECT_THROW(measure_health(e.inputs()), Error);
  e.rows.pop_back();
  EXPECT_THROW(measure_health(e.inputs()), Error);
  Example odd(4, 2, 3);
  odd.targets = Matrix<float>(7, 3);
  EXPECT_THROW(measure_health(odd.inputs()), Error);
}

TEST(Health, EveryValueHasAName) {
  EXPECT_EQ(health_figures.size() * sizeof(double), sizeof(Health) - 2 * sizeof(std::int64_t));
  EXPECT_EQ(health_figures[0].name, "rankme");
  Health health;
  for (const auto& figure : health_figures) health.*figure.value += 1;
  for (const auto& figure : health_figures) EXPECT_EQ(health.*figure.value, 1) << figure.name;
}

}  // namespace
}  // namespace ijepa
