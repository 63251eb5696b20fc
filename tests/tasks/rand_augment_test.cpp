#include "ijepa/tasks/images/rand_augment.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

namespace ijepa::test {
namespace {

/// A ramp in x and y with a little blue: no operation leaves it alone.
std::vector<std::uint8_t> ramp(int height, int width) {
  std::vector<std::uint8_t> rgb;
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (const int v : {40 + x * 5, 60 + y * 7, 30 + (x * y) % 90})
        rgb.push_back(static_cast<std::uint8_t>(v));
  return rgb;
}

std::vector<std::uint8_t> applied(int operation, double magnitude, std::uint64_t draw = 0) {
  auto rgb = ramp(17, 23);
  Rng rng(5, Purpose::test, 0, draw);
  apply_operation({rgb.data(), 17, 23}, operation, magnitude, rng);
  return rgb;
}

class RandAugmentOperation : public ::testing::TestWithParam<int> {};

TEST_P(RandAugmentOperation, ChangesThePictureTheSameWayEachTime) {
  EXPECT_NE(applied(GetParam(), 9), ramp(17, 23));
  EXPECT_EQ(applied(GetParam(), 9), applied(GetParam(), 9));
}

INSTANTIATE_TEST_SUITE_P(All, RandAugmentOperation, ::testing::Range(0, rand_augment_operations));

TEST(RandAugment, GeometryOfMagnitudeZeroChangesNothing) {
  for (const int operation : {3, 11, 12, 13, 14}) EXPECT_EQ(applied(operation, 0), ramp(17, 23));
}

TEST(RandAugment, ValuesFollowTheirRules) {
  const auto before = ramp(17, 23), inverted = applied(2, 9), solarized = applied(5, 5),
             posterized = applied(4, 5);
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(inverted[i], 255 - before[i]);
    EXPECT_EQ(solarized[i], before[i] < 128 ? before[i] : 255 - before[i]);
    EXPECT_EQ(posterized[i], before[i] & 0xc0);  // 4 - 2 bits are left
  }
  const auto stretched = applied(0, 9);
  const auto [low, high] = std::ranges::minmax(stretched);
  EXPECT_EQ(low, 0);
  EXPECT_EQ(high, 255);
}

TEST(RandAugment, ShiftMovesByItsShareOfTheWidth) {
  const auto moved = applied(13, 10);  // by 0.45 of 23 pixels, to one side
  const auto red = [](const std::vector<std::uint8_t>& rgb, int x) {
    return static_cast<int>(rgb[static_cast<std::size_t>(3 * (8 * 23 + x))]);
  };
  const auto before = ramp(17, 23);
  const int step = red(moved, 11) - red(before, 11);
  EXPECT_NEAR(std::abs(step), 5 * 0.45 * 23, 2);
}

TEST(RandAugment, HalfOfTheLayersAreLeftOut) {
  int unchanged = 0;
  for (std::uint64_t i = 0; i < 200; ++i) {
    auto rgb = ramp(9, 9);
    Rng rng(5, Purpose::test, 1, i);
    rand_augment({rgb.data(), 9, 9}, 9, rng);
    unchanged += rgb == ramp(9, 9) ? 1 : 0;
  }
  EXPECT_NEAR(unchanged, 50, 25);
}

}  // namespace
}  // namespace ijepa::test
