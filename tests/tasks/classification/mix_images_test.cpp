#include "ijepa/tasks/classification/mix_images.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

namespace ijepa::test {
namespace {

constexpr Size size{8, 6};
constexpr std::size_t bytes = 8 * 6 * 3;

/// Three pictures of one value each, and their labels as targets.
struct Batch {
  Batch() : pixels(3 * bytes), targets(smoothed_targets(std::vector<std::int32_t>{0, 1, 2}, 3, 0)) {
    for (std::size_t i = 0; i < pixels.size(); ++i)
      pixels[i] = static_cast<std::uint8_t>(100 * (i / bytes));
  }
  std::vector<std::uint8_t> pixels;
  Matrix<double> targets;
};

TEST(MixImages, MixupBlendsNeighboursAndTheirLabels) {
  Batch batch;
  mix_pairs({0.75, {}}, size, 3, batch.pixels, batch.targets.view());
  EXPECT_EQ(batch.pixels[0], 25);
  EXPECT_EQ(batch.pixels[bytes], 75);
  EXPECT_EQ(batch.pixels[2 * bytes], 200);  // without a partner
  EXPECT_EQ(batch.targets.values, (std::vector<double>{0.75, 0.25, 0, 0.25, 0.75, 0, 0, 0, 1}));
}

TEST(MixImages, CutmixTakesTheShareOfItsBox) {
  Batch batch;
  const Box box{2, 1, 3, 4};
  mix_pairs({1 - 12 / 48.0, box}, size, 3, batch.pixels, batch.targets.view());
  const auto first = std::span(batch.pixels).first(bytes);
  EXPECT_EQ(std::ranges::count(first, 100), 12 * 3);
  EXPECT_EQ(first[3 * (2 * 6 + 1)], 100);
  EXPECT_EQ(first[3 * (2 * 6)], 0);
  EXPECT_EQ(std::ranges::count(std::span(batch.pixels).subspan(bytes, bytes), 0), 12 * 3);
  EXPECT_DOUBLE_EQ(batch.targets.row(0)[0], 0.75);
  EXPECT_DOUBLE_EQ(batch.targets.row(0)[1], 0.25);
}

TEST(MixImages, SamplesOfOtherChannelsAreMixedAsNumbers) {
  constexpr std::size_t numbers = 8 * 6 * 5;
  for (const bool cut : {false, true}) {
    std::vector<std::uint16_t> samples(2 * numbers, 1000);
    std::fill_n(samples.begin(), numbers, std::uint16_t{41000});
    auto targets = smoothed_targets(std::vector<std::int32_t>{0, 1}, 2, 0);
    const auto pixels = std::as_writable_bytes(std::span(samples));
    const std::span bytes_of_both{reinterpret_cast<std::uint8_t*>(pixels.data()), pixels.size()};
    const Box box{2, 1, 3, 4};
    mix_pairs(cut ? MixDraw{1 - 12 / 48.0, box} : MixDraw{0.75, {}}, size, 5, bytes_of_both,
              targets.view());
    const auto first = std::span(samples).first(numbers);
    if (cut)
      EXPECT_EQ(std::ranges::count(first, 1000), 12 * 5);
    else
      EXPECT_EQ(std::ranges::count(first, 31000), std::ssize(first));
    EXPECT_EQ(targets.values, (std::vector<double>{0.75, 0.25, 0.25, 0.75}));
  }
}

TEST(MixImages, ShareOfADrawnBoxIsItsArea) {
  int cuts = 0, blends = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    Rng rng(7, Purpose::test, 0, i);
    const auto draw = draw_mix(0.8, 1.0, size, rng);
    EXPECT_GE(draw.own, 0);
    EXPECT_LE(draw.own, 1);
    if (draw.box == Box{}) {
      ++blends;
      continue;
    }
    ++cuts;
    EXPECT_NEAR(1 - draw.own, draw.box.height * draw.box.width / 48.0, 1e-12);
    EXPECT_LE(draw.box.top + draw.box.height, size.height);
    EXPECT_LE(draw.box.left + draw.box.width, size.width);
  }
  EXPECT_GT(cuts, 60);
  EXPECT_GT(blends, 60);
  Rng rng(1, Purpose::test);
  EXPECT_EQ(draw_mix(0, 0, size, rng).own, 1);
}

TEST(MixImages, BetaHasItsMeanAndVariance) {
  for (const double alpha : {0.2, 0.8, 1.0, 2.0}) {
    Rng rng(11, Purpose::test, 0, static_cast<std::uint64_t>(alpha * 10));
    std::vector<double> draws(20000);
    std::ranges::generate(draws, [&] { return draw_beta(alpha, rng); });
    const double mean = std::accumulate(draws.begin(), draws.end(), 0.0) / 20000;
    double variance = 0;
    for (const double x : draws) variance += (x - mean) * (x - mean) / 20000;
    EXPECT_NEAR(mean, 0.5, 0.01) << alpha;
    EXPECT_NEAR(variance, 1 / (4 * (2 * alpha + 1)), 0.005) << alpha;
  }
}

TEST(MixImages, SmoothedTargetsSumToOne) {
  const auto targets = smoothed_targets(std::vector<std::int32_t>{2}, 4, 0.1);
  EXPECT_NEAR(targets.values[2], 0.925, 1e-12);
  EXPECT_NEAR(targets.values[0], 0.025, 1e-12);
}

}  // namespace
}  // namespace ijepa::test
