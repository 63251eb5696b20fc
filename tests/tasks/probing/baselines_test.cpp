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

// One channel at its mean everywhere, one that is half far below and half one deviation above.
TEST(Baselines, OtherChannelsAreMeasuredInTheirDeviations) {
  const Normalisation n{{0.5, 0.02}, {0.1, 0.01}};
  std::vector<std::uint16_t> image(std::size_t{32} * 48 * 2);
  for (std::size_t i = 0; i < image.size(); i += 2) {
    image[i] = 32768;
    image[i + 1] = i / 2 % 48 < 24 ? 0 : static_cast<std::uint16_t>(0.03 * 65535);
  }
  const PixelBatch batch{reinterpret_cast<const std::uint8_t*>(image.data()), 1, {32, 48}, 2};
  PixelFeatures pixels(n);
  Matrix<float> small(1, pixels.width());
  pixels.apply(batch, small.view());
  EXPECT_EQ(small.cols, 2 * 16 * 16);
  EXPECT_NEAR(small.values[0], 0, 1e-3);
  EXPECT_NEAR(small.values[1], -2, 1e-3);
  EXPECT_NEAR(small.values[31], 1, 1e-2);  // the last pixel of the first row
  HistogramFeatures histogram(n);
  Matrix<float> counts(1, histogram.width());
  histogram.apply(batch, counts.view());
  ASSERT_EQ(counts.cols, 2 * 32);
  // Bins are 6 / 32 of a deviation wide and begin three deviations below the mean.
  EXPECT_FLOAT_EQ(counts.values[16], 1);
  EXPECT_FLOAT_EQ(counts.values[32 + 5], std::sqrt(0.5F));
  EXPECT_FLOAT_EQ(counts.values[32 + 21], std::sqrt(0.5F));
  EXPECT_NE(pixels.identity(), PixelFeatures({{0.5, 0.02}, {0.1, 0.02}}).identity());
}

}  // namespace
}  // namespace ijepa
