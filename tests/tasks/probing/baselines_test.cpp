#include "ijepa/tasks/probing/baselines.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <numeric>
#include <vector>

namespace ijepa {
namespace {

/// An image of 32 x 48 pixels: left half of one colour, right half of another.
std::vector<std::uint8_t> halves() {
  constexpr std::array<std::uint8_t, 3> left{255, 0, 31}, right{32, 255, 0};
  std::vector<std::uint8_t> image(std::size_t{32} * 48 * 3);
  for (std::size_t i = 0; i < image.size(); ++i)
    image[i] = i / 3 % 48 < 24 ? left[i % 3] : right[i % 3];
  return image;
}

TEST(Baselines, PixelsAreSmallAndAroundZero) {
  const auto image = halves();
  PixelFeatures pixels;
  Matrix<float> out(1, pixels.width());
  pixels.apply({image.data(), 1, {32, 48}}, out.view());
  EXPECT_FLOAT_EQ(out.values[0], 0.5F);   // red of the left half
  EXPECT_FLOAT_EQ(out.values[1], -0.5F);  // green
  EXPECT_FLOAT_EQ(out.values[46], 0.5F);  // green of the last pixel of the first row
}

TEST(Baselines, FinePatternsAverageOut) {
  std::vector<std::uint8_t> stripes(std::size_t{64} * 64 * 3);
  for (std::size_t i = 0; i < stripes.size(); ++i) stripes[i] = i / 3 % 2 == 0 ? 0 : 255;
  PixelFeatures pixels;
  Matrix<float> out(1, pixels.width());
  pixels.apply({stripes.data(), 1, {64, 64}}, out.view());
  for (const float v : out.values) EXPECT_NEAR(v, 0, 0.06);
}

TEST(Baselines, HistogramHasUnitLengthAndTheRightBins) {
  auto two = halves();
  const auto first = two;
  two.insert(two.end(), first.begin(), first.end());
  HistogramFeatures histogram;
  Matrix<float> out(2, histogram.width());
  histogram.apply({two.data(), 2, {32, 48}}, out.view());
  for (std::int64_t i = 0; i < 2; ++i) {
    const auto row = out.row(i);
    EXPECT_NEAR(std::inner_product(row.begin(), row.end(), row.begin(), 0.0), 1, 1e-6);
    EXPECT_FLOAT_EQ(row[7 * 64 + 0 * 8 + 0], std::sqrt(0.5F));  // 31 is in bin 0
    EXPECT_FLOAT_EQ(row[1 * 64 + 7 * 8 + 0], std::sqrt(0.5F));  // 32 is in bin 1
  }
}

}  // namespace
}  // namespace ijepa
