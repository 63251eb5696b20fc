#include "ijepa/tasks/probing/head_grid.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "tests/tasks/probing/examples.hpp"

namespace ijepa {
namespace {

using test::clusters;

TEST(BatchNorm, NormalisesABatchAndRemembersItsStatistics) {
  const auto comm = local_communicator();
  Matrix<float> x(4, 2);
  x.values = {1, 5, 2, 5, 3, 5, 6, 5};  // means 3 and 5, variances 3.5 and 0
  BatchNorm norm(2);
  const auto y = norm.train(x.view(), x.rows, *comm);
  for (std::int64_t i = 0; i < 4; ++i) {
    EXPECT_NEAR(y.row(i)[0], (x.row(i)[0] - 3) / std::sqrt(3.5 + 1e-6), 1e-6);
    EXPECT_EQ(y.row(i)[1], 0);
  }
  // The first batch's statistics, the variance unbiased; then a tenth of the next one's.
  EXPECT_NEAR(norm.evaluate(x.view()).row(3)[0], 3 / std::sqrt(14.0 / 3 + 1e-6), 1e-6);
  Matrix<float> next(2, 2);
  next.values = {13, 0, 13, 0};
  norm.train(next.view(), 2, *comm);
  EXPECT_NEAR(norm.evaluate(x.view()).row(3)[0], (6 - 4) / std::sqrt(0.9 * 14 / 3 + 1e-6), 1e-6);
}

TEST(BatchNorm, ABatchOfOneIsNoDivisionByZero) {
  const auto comm = local_communicator();
  Matrix<float> x(1, 1);
  x.values = {7};
  BatchNorm norm(1);
  EXPECT_EQ(norm.train(x.view(), x.rows, *comm).values[0], 0);
  EXPECT_TRUE(std::isfinite(norm.evaluate(x.view()).values[0]));
}

/// Two layers of three channels: the first layer tells the classes apart, the last one is constant.
LabelledFeatures only_early_layer(std::uint64_t draw) {
  auto set = clusters(64, 6, 4, 0.05, draw);
  for (std::int64_t i = 0; i < set.features.rows; ++i)
    for (std::size_t d = 3; d < 6; ++d) set.features.row(i)[d] = 1;
  return set;
}

TEST(HeadGrid, HeadsSeeTheLayersTheyAreGiven) {
  const auto comm = local_communicator();
  const auto train = only_early_layer(0), test = only_early_layer(1);
  std::vector<Head> heads;
  for (const std::int64_t layers : {1, 2})
    for (const auto norm : {HeadNorm::none, HeadNorm::batch})
      heads.push_back({layers, norm, {0.5, 0}});
  HeadGrid grid(6, 2, 4, heads, {});
  for (int s = 0; s < 100; ++s) grid.step(train.features.view(), train.labels, 64, 1, *comm);
  const auto scores = grid.evaluate(test, *comm);
  EXPECT_NEAR(scores[0].accuracy.top1, 0.25, 0.01);
  EXPECT_NEAR(scores[1].accuracy.top1, 0.25, 0.01);
  EXPECT_GT(scores[2].accuracy.top1, 0.9);
  EXPECT_GT(scores[3].accuracy.top1, 0.9);
  EXPECT_NEAR(scores[0].loss, std::log(4.0), 0.01);
  const auto confusion = grid.confusion(test, 2, *comm);
  double hits = 0;
  for (const double h : confusion.hits) hits += h;
  EXPECT_DOUBLE_EQ(hits / 64, scores[2].accuracy.top1);
}

TEST(HeadGrid, OneHeadAloneIsThatHeadOfTheGrid) {
  const auto comm = local_communicator();
  const auto set = clusters(40, 6, 3, 1, 0);
  const std::vector<Head> heads{{1, HeadNorm::none, {0.1, 0.01}},
                                {2, HeadNorm::batch, {0.1, 0}},
                                {2, HeadNorm::batch, {0.3, 0.01}}};
  for (const auto optimizer : {HeadOptimizer::sgd, HeadOptimizer::lars}) {
    const HeadTraining training{optimizer, 0.9, 3};
    HeadGrid all(6, 2, 3, heads, training), one(6, 2, 3, {heads[2]}, training);
    for (int s = 0; s < 10; ++s)
      for (auto* grid : {&all, &one}) grid->step(set.features.view(), set.labels, 40, 1, *comm);
    EXPECT_NEAR(all.evaluate(set, *comm)[2].loss, one.evaluate(set, *comm)[0].loss, 1e-5);
  }
}

TEST(HeadGrid, SaysWhatItIs) {
  EXPECT_EQ(describe(Head{1, HeadNorm::none, {0.1, 0}}), "last layer, no norm, rate 0.1, decay 0");
  EXPECT_EQ(describe(Head{4, HeadNorm::batch, {0.05, 5e-4}}),
            "last 4 layers, batch norm, rate 0.05, decay 0.0005");
  EXPECT_THROW(HeadGrid(6, 4, 3, {}, {}), Error);
  EXPECT_THROW(HeadGrid(6, 2, 3, {{3, HeadNorm::none, {}}}, {}), Error);
}

}  // namespace
}  // namespace ijepa
