#include "ijepa/data/loading/sampler.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

std::vector<std::int64_t> order_of(const Sampler& sampler, std::int64_t epoch) {
  std::vector<std::int64_t> order;
  for (std::int64_t p = 0; p < sampler.size(); ++p) order.push_back(sampler.index(epoch, p));
  return order;
}

bool is_permutation_of_range(std::vector<std::int64_t> order) {
  std::sort(order.begin(), order.end());
  std::vector<std::int64_t> range(order.size());
  std::iota(range.begin(), range.end(), 0);
  return order == range;
}

TEST(Sampler, EveryOrderHoldsEachImageOnce) {
  for (const std::int64_t n : {1, 2, 3, 7, 100, 128, 129, 1000, 12345})
    for (const auto order : {Order::full, Order::blocks, Order::stored})
      for (const auto& [block, window] : {std::pair{1, 1}, {3, 2}, {10, 4}, {64, 32}, {20000, 1}}) {
        const Sampler sampler(n, 5, {order, block, window});
        EXPECT_TRUE(is_permutation_of_range(order_of(sampler, 3)))
            << n << " images, order " << static_cast<int>(order) << ", blocks " << block;
        if (order != Order::blocks) break;
      }
}

TEST(Sampler, OfChosenImagesOrdersTheseAlone) {
  const std::vector<std::int64_t> chosen{3, 4, 9, 17, 40};
  const Sampler stored(chosen, 5, {.order = Order::stored}), mixed(chosen, 5);
  EXPECT_EQ(stored.images_needed(), 41);
  EXPECT_EQ(order_of(stored, 2), chosen);
  auto order = order_of(mixed, 2);
  EXPECT_NE(order, order_of(mixed, 3));
  std::sort(order.begin(), order.end());
  EXPECT_EQ(order, chosen);
  EXPECT_THROW(Sampler({-1, 3}, 0), Error);
  EXPECT_THROW(Sampler(std::vector<std::int64_t>{}, 0), Error);
  EXPECT_EQ(Sampler(7, 0).images_needed(), 7);
}

TEST(Sampler, OrderDependsOnSeedAndEpochAlone) {
  for (const auto order : {Order::full, Order::blocks}) {
    const OrderConfig config{order, 8, 4};
    const auto first = order_of(Sampler(1000, 1, config), 0);
    EXPECT_EQ(first, order_of(Sampler(1000, 1, config), 0));
    EXPECT_NE(first, order_of(Sampler(1000, 1, config), 1));
    EXPECT_NE(first, order_of(Sampler(1000, 2, config), 0));
  }
  EXPECT_EQ(order_of(Sampler(50, 1, {Order::stored}), 0),
            order_of(Sampler(50, 2, {Order::stored}), 7));
}

// Chi-square over (position, image) counts of many epochs: near its degrees of freedom.
TEST(Sampler, EveryImageStandsAtEveryPositionEquallyOften) {
  constexpr std::int64_t n = 20, epochs = 1000;
  const Sampler sampler(n, 9);
  std::vector<double> count(n * n, 0.0);
  for (std::int64_t e = 0; e < epochs; ++e)
    for (std::int64_t p = 0; p < n; ++p)
      ++count[static_cast<std::size_t>(p * n + sampler.index(e, p))];
  const double expected = static_cast<double>(epochs) / n;
  double chi = 0;
  for (const double c : count) chi += (c - expected) * (c - expected) / expected;
  const double freedom = (n - 1) * (n - 1);
  EXPECT_NEAR(chi, freedom, 5 * std::sqrt(2 * freedom));
}

TEST(Sampler, BlocksFavourNoImage) {
  constexpr std::int64_t n = 43, epochs = 500;
  const Sampler sampler(n, 9, {Order::blocks, 4, 3});
  std::vector<double> position_sum(n, 0.0);
  for (std::int64_t e = 0; e < epochs; ++e)
    for (std::int64_t p = 0; p < n; ++p)
      position_sum[static_cast<std::size_t>(sampler.index(e, p))] += static_cast<double>(p);
  const double error = n / std::sqrt(12.0 * epochs);
  for (const double sum : position_sum) EXPECT_NEAR(sum / epochs, (n - 1) / 2.0, 5 * error);
}

TEST(Sampler, AllSixOrdersOfThreeAreEquallyLikely) {
  constexpr int epochs = 1200;
  const Sampler sampler(3, 1);
  std::vector<int> count(9, 0);
  for (int e = 0; e < epochs; ++e)
    ++count[static_cast<std::size_t>(sampler.index(e, 0) * 3 + sampler.index(e, 1))];
  for (const int c : count) EXPECT_NEAR(c > 0 ? c : epochs / 6, epochs / 6, 70);
  EXPECT_EQ(std::count(count.begin(), count.end(), 0), 3);
}

TEST(Sampler, BlocksTouchFewRunsInAWindow) {
  const Sampler sampler(10000, 4, {Order::blocks, 50, 8});
  std::vector<std::int64_t> runs;
  for (std::int64_t p = 0; p < 400; ++p) runs.push_back(sampler.index(2, p) / 50);
  EXPECT_GT(std::count_if(runs.begin() + 1, runs.end(), [&](auto& r) { return r != *(&r - 1); }),
            300)
      << "images of different runs are mixed";
  std::sort(runs.begin(), runs.end());
  EXPECT_EQ(std::unique(runs.begin(), runs.end()) - runs.begin(), 8);
}

// What a run drops at the end of an epoch must not be the same images every time.
TEST(Sampler, TheEndOfTheOrderChanges) {
  for (const auto order : {Order::full, Order::blocks}) {
    const Sampler sampler(1003, 4, {order, 10, 4});
    std::vector<int> dropped(1003, 0);
    for (std::int64_t e = 0; e < 100; ++e)
      for (std::int64_t p = 960; p < 1003; ++p)
        ++dropped[static_cast<std::size_t>(sampler.index(e, p))];
    EXPECT_LT(*std::max_element(dropped.begin(), dropped.end()), 25);
  }
}

TEST(Sampler, WorksForManyMillions) {
  constexpr std::int64_t n = 14'197'122;
  for (const auto order : {Order::full, Order::blocks}) {
    const Sampler sampler(n, 1, {order});
    for (std::int64_t p = 0; p < n; p += 999'983) {
      const auto image = sampler.index(65, p);
      EXPECT_GE(image, 0);
      EXPECT_LT(image, n);
    }
  }
}

TEST(Sampler, RefusesWhatCannotWork) {
  EXPECT_THROW(Sampler(0, 1), Error);
  EXPECT_THROW(Sampler(5, 1, {Order::blocks, 0, 1}), Error);
  EXPECT_THROW(Sampler(5, 1, {Order::blocks, 1, 0}), Error);
  EXPECT_THROW(Sampler(5, 1).index(0, 5), Error);
  EXPECT_THROW(Sampler(5, 1).index(0, -1), Error);
}

}  // namespace
}  // namespace ijepa
