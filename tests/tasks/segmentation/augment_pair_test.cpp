#include <gtest/gtest.h>

#include <algorithm>

#include "ijepa/tasks/segmentation/pairs.hpp"

namespace ijepa::test {
namespace {

/// Red where the label is 1, black where it is 0: a block left of the middle.
LabelledImage block(int height, int width) {
  LabelledImage pair{{height, width, {}}, {height, width, {}}};
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const bool inside = x > 2 && x < width / 2 && y > height / 4 && y < height * 3 / 4;
      pair.labels.index.push_back(inside);
      pair.image.rgb.insert(pair.image.rgb.end(), {std::uint8_t(inside ? 255 : 0), 100, 200});
    }
  return pair;
}

/// Pixels whose colour and label do not belong together.
int disagreeing(const LabelledImage& pair) {
  int count = 0;
  for (std::size_t i = 0; i < pair.labels.index.size(); ++i)
    count += (pair.image.rgb[3 * i] > 127) != (pair.labels.index[i] == 1);
  return count;
}

TEST(AugmentPair, DrawsHaveTheStatedShares) {
  constexpr int count = 20000;
  int flips = 0, lights = 0, turns = 0;
  for (int i = 0; i < count; ++i) {
    Rng rng(1, Purpose::augment, 3, static_cast<std::uint64_t>(i));
    const auto d = PairDraw::draw(rng);
    flips += d.flip;
    lights += d.contrast != 0;
    turns += d.degrees != 0;
    EXPECT_LE(std::abs(d.contrast), 0.2);
    EXPECT_LE(std::abs(d.brightness), 0.2);
    EXPECT_LE(std::abs(d.degrees), 25);
  }
  EXPECT_NEAR(flips, 0.5 * count, 4 * 71);
  EXPECT_NEAR(lights, 0.2 * count, 4 * 57);
  EXPECT_NEAR(turns, 0.5 * count, 4 * 71);
}

TEST(AugmentPair, ImageAndLabelsMoveTogether) {
  const auto start = block(40, 60);
  auto flipped = start;
  augment({.flip = true}, flipped);
  EXPECT_EQ(disagreeing(flipped), 0);
  EXPECT_EQ(flipped.labels.index[20 * 60 + 59 - 10], start.labels.index[20 * 60 + 10]);
  auto turned = start;
  augment({.degrees = 20}, turned);
  EXPECT_NE(turned.labels.index, start.labels.index);
  // Half-way colours at the block's rim may fall on either side.
  EXPECT_LT(disagreeing(turned), 60);
  const auto area = [](const auto& p) {
    return static_cast<double>(std::ranges::count(p.labels.index, 1));
  };
  EXPECT_NEAR(area(turned), area(start), 30);
}

TEST(AugmentPair, LightChangesTheImageAlone) {
  auto pair = block(8, 12);
  const auto before = pair;
  augment({.contrast = 0.1, .brightness = -0.05}, pair);
  EXPECT_EQ(pair.labels.index, before.labels.index);
  EXPECT_EQ(pair.image.rgb[1], 97);   // 100 * 1.1 - 12.75
  EXPECT_EQ(pair.image.rgb[2], 207);  // 200 * 1.1 - 12.75
}

TEST(AugmentPair, ReflectsAroundARotatedPicture) {
  auto pair = block(32, 32);
  std::ranges::fill(pair.image.rgb, 200);
  augment({.degrees = 25}, pair);
  EXPECT_TRUE(std::ranges::all_of(pair.image.rgb, [](auto v) { return v == 200; }));
}

}  // namespace
}  // namespace ijepa::test
