#include "ijepa/tasks/probing/knn.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "tests/tasks/probing/examples.hpp"

namespace ijepa {
namespace {

using test::clusters;
using test::message_of;

struct Rule {
  std::int64_t k = 20;
  double temperature = 0.07;
};

Accuracy knn(const LabelledFeatures& train, const LabelledFeatures& test, const Rule& rule = {}) {
  return knn_accuracy(train, test, {{rule.k}, rule.temperature}, *local_communicator()).at(0);
}

/// The definition, written out: all similarities in float64, sorted.
double naive_top1(const LabelledFeatures& train, const LabelledFeatures& test, const Rule& o) {
  double hits = 0;
  for (std::int64_t t = 0; t < test.features.rows; ++t) {
    std::vector<std::pair<double, std::int64_t>> all;
    for (std::int64_t i = 0; i < train.features.rows; ++i) {
      double ab = 0, aa = 0, bb = 0;
      for (std::size_t d = 0; d < static_cast<std::size_t>(train.features.cols); ++d) {
        const double a = train.features.row(i)[d], b = test.features.row(t)[d];
        ab += a * b;
        aa += a * a;
        bb += b * b;
      }
      all.emplace_back(-ab / std::sqrt(aa * bb), i);
    }
    std::ranges::sort(all);
    std::vector<double> votes(static_cast<std::size_t>(train.classes));
    for (std::size_t i = 0; i < static_cast<std::size_t>(o.k); ++i)
      votes[static_cast<std::size_t>(train.labels[static_cast<std::size_t>(all[i].second)])] +=
          std::exp(-all[i].first / o.temperature);
    const auto best = std::ranges::max_element(votes) - votes.begin();
    hits += best == test.labels[static_cast<std::size_t>(t)];
  }
  return hits / static_cast<double>(test.features.rows);
}

TEST(Knn, AgreesWithTheDefinition) {
  // More rows than one block of either kind, odd sizes.
  const auto train = clusters(4501, 7, 5, 2.5, 0), test = clusters(301, 7, 5, 2.5, 1);
  for (const std::int64_t k : {1, 20, 33}) {
    const auto got = knn(train, test, {k, 0.07});
    EXPECT_DOUBLE_EQ(got.top1, naive_top1(train, test, {k, 0.07})) << k;
    EXPECT_GE(got.top5, got.top1);
  }
  EXPECT_DOUBLE_EQ(knn(train, test, {20, 1e3}).top1, naive_top1(train, test, {20, 1e3}));
}

TEST(Knn, SeveralNumbersOfNeighboursAreThoseOfEach) {
  const auto train = clusters(301, 7, 5, 2.5, 0), test = clusters(50, 7, 5, 2.5, 1);
  const KnnOptions options{{20, 1, 7}, 0.1};
  const auto all = knn_accuracy(train, test, options, *local_communicator());
  ASSERT_EQ(all.size(), 3U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const auto alone = knn(train, test, {options.k[i], 0.1});
    EXPECT_EQ(all[i].top1, alone.top1);
    EXPECT_EQ(all[i].top5, alone.top5);
  }
}

TEST(Knn, FindsClustersAndOnlyChanceInNoise) {
  EXPECT_DOUBLE_EQ(knn(clusters(300, 16, 10, 0.1, 0), clusters(100, 16, 10, 0.1, 1)).top1, 1);
  const auto noise = knn(clusters(1000, 16, 10, 1e4, 0), clusters(1000, 16, 10, 1e4, 1));
  EXPECT_NEAR(noise.top1, 0.1, 0.04);
}

TEST(Knn, TopFiveCountsOnlyClassesWithAVote) {
  const auto train = clusters(50, 8, 10, 0.05, 0);
  auto test = clusters(10, 8, 10, 0.05, 1);
  for (auto& label : test.labels) label = (label + 1) % 10;  // never among the neighbours
  const auto got = knn(train, test, {3, 0.07});
  EXPECT_EQ(got.top1, 0);
  EXPECT_EQ(got.top5, 0);
}

TEST(Knn, NearNeighboursOutvoteMany) {
  LabelledFeatures train{{3, 2}, {0, 1, 1}, 2};
  train.features.values = {1, 0, 0, 1, 0, 1};
  LabelledFeatures test{{1, 2}, {0}, 2};
  test.features.values = {1, 0.1F};
  EXPECT_EQ(knn(train, test, {3, 0.07}).top1, 1);
  EXPECT_EQ(knn(train, test, {3, 100}).top1, 0);  // a high temperature counts heads
}

TEST(Knn, RefusesWhatCannotWork) {
  const auto train = clusters(20, 4, 3, 1, 0), test = clusters(6, 4, 3, 1, 1);
  const auto said = [&](const LabelledFeatures& a, const LabelledFeatures& b, Rule rule = {}) {
    return message_of([&] { knn(a, b, rule); });
  };
  EXPECT_EQ(said(train, test), "no error");
  EXPECT_NE(said(train, test, {21, 0.07}).find("k = 21"), std::string::npos);
  EXPECT_NE(said(train, test, {0, 0.07}).find("k = 0"), std::string::npos);
  EXPECT_NE(said(train, {{0, 4}, {}, 3}).find("test set of the probe is empty"), std::string::npos);
  EXPECT_NE(said({{0, 4}, {}, 3}, test).find("training set of the probe is empty"),
            std::string::npos);
  EXPECT_NE(said(train, clusters(6, 5, 3, 1, 1)).find("4 channels and test features 5"),
            std::string::npos);
  EXPECT_NE(said(train, clusters(6, 4, 2, 1, 1)).find("3 classes and the test set 2"),
            std::string::npos);
  auto one = train;
  std::ranges::fill(one.labels, 2);
  EXPECT_NE(said(one, test).find("of one class"), std::string::npos);
  auto unlabelled = test;
  unlabelled.labels[3] = -1;
  EXPECT_NE(said(train, unlabelled).find("Image 3 of the test set has no label"),
            std::string::npos);
  auto strange = test;
  strange.labels[3] = 3;
  EXPECT_NE(said(train, strange).find("label 3"), std::string::npos);
  auto diverged = train;
  diverged.features.values[7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_NE(said(diverged, test).find("NaN"), std::string::npos);
}

}  // namespace
}  // namespace ijepa
