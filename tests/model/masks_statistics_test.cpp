// Distributions of the corrected masks (compat = false) against what the definition says.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ijepa/model/masks.hpp"

namespace ijepa {
namespace {

constexpr std::uint64_t seed = 11;
constexpr double standard_errors = 5;

MaskConfig corrected(std::int64_t truncate_group) {
  MaskConfig config;
  config.compat = false;
  config.truncate_group = truncate_group;
  return config;
}

/// Share of the places of a block on an axis that cover cell `i`.
double cover(std::int64_t i, std::int64_t length, std::int64_t axis) {
  const std::int64_t first = std::max<std::int64_t>(0, i - length + 1);
  const std::int64_t last = std::min(i, axis - length);
  return static_cast<double>(last - first + 1) / static_cast<double>(axis - length + 1);
}

// A patch is in a target with probability (covering rows / all rows) x (the same for columns).
TEST(CorrectedMasks, TargetsCoverEveryPatchAsOftenAsCounted) {
  const MaskConfig config = corrected(1);
  constexpr Grid grid{9, 12};
  constexpr BlockSizes sizes{{4, 5}, {9, 10}};
  constexpr std::int64_t images = 5000;
  std::vector<double> covered(static_cast<std::size_t>(grid.tokens()));
  for (std::int64_t i = 0; i < images; ++i)
    for (const auto& target : draw_image_masks(config, grid, sizes, seed, 0, i).targets)
      for (const auto patch : target) ++covered[static_cast<std::size_t>(patch)];
  constexpr double masks = 4.0 * images;
  for (std::int64_t row = 0; row < grid.rows; ++row) {
    for (std::int64_t col = 0; col < grid.cols; ++col) {
      const double p = cover(row, 4, grid.rows) * cover(col, 5, grid.cols);
      EXPECT_NEAR(covered[static_cast<std::size_t>(row * grid.cols + col)] / masks, p,
                  standard_errors * std::sqrt(p * (1 - p) / masks))
          << row << ", " << col;
    }
  }
}

// Scale and aspect ratio are independent: the mean of the product is the product of the means.
TEST(CorrectedMasks, ScaleAndAspectAreUncorrelated) {
  constexpr Grid grid{256, 256};  // fine enough for rounding not to matter
  constexpr int draws = 4000;
  for (const bool compat : {false, true}) {
    MaskConfig config = corrected(1);
    config.compat = compat;
    double s = 0, a = 0, ss = 0, aa = 0, sa = 0;
    for (int i = 0; i < draws; ++i) {
      const auto size = draw_block_sizes(config, grid, seed, i).target;
      const auto scale = static_cast<double>(size.cells());
      const double aspect = static_cast<double>(size.rows) / static_cast<double>(size.cols);
      s += scale, a += aspect, ss += scale * scale, aa += aspect * aspect, sa += scale * aspect;
    }
    const double n = draws;
    const double correlation =
        (sa / n - s / n * a / n) / std::sqrt((ss / n - s * s / n / n) * (aa / n - a * a / n / n));
    if (compat) {
      EXPECT_GT(correlation, 0.99);
    } else {
      EXPECT_LT(std::abs(correlation), standard_errors / std::sqrt(n));
    }
  }
}

/// Mean over iterations of the mean row of the truncated contexts, in standard errors from the
/// grid's middle.
double row_bias(const MaskConfig& config, Grid grid) {
  constexpr std::int64_t iterations = 200, batch = 64;
  double sum = 0, squares = 0;
  for (std::int64_t i = 0; i < iterations; ++i) {
    double rows = 0, patches = 0;
    for (const auto& image :
         draw_batch_masks(config, grid, {seed, i, 0, i * batch, batch}, i * batch, batch).images) {
      for (const auto patch : image.contexts[0]) rows += static_cast<double>(patch / grid.cols);
      patches += static_cast<double>(image.contexts[0].size());
    }
    const double mean = rows / patches - static_cast<double>(grid.rows - 1) / 2;
    sum += mean;
    squares += mean * mean;
  }
  const double mean = sum / iterations;
  return mean / std::sqrt((squares / iterations - mean * mean) / iterations);
}

// Quirks 2 and 3: compat leaves out the bottom; corrected contexts have no preferred end.
TEST(CorrectedMasks, TruncationPrefersNeitherTopNorBottom) {
  MaskConfig config = corrected(64);
  EXPECT_LT(std::abs(row_bias(config, {14, 14})), standard_errors);
  EXPECT_LT(std::abs(row_bias(config, {14, 9})), standard_errors);
  config.compat = true;
  EXPECT_LT(row_bias(config, {14, 14}), -50);
}

// Larger groups are cut to shorter contexts (algorithm: 60.9 tokens with 16 images, 51.0 with 128).
TEST(CompatMasks, ContextLengthFallsWithTheTruncationGroup) {
  const auto mean_length = [](std::int64_t group) {
    MaskConfig config;
    config.truncate_group = group;
    constexpr std::int64_t iterations = 400;
    double sum = 0, squares = 0;
    for (std::int64_t i = 0; i < iterations; ++i) {
      const auto batch =
          draw_batch_masks(config, {14, 14}, {seed, i, 0, i * group, group}, i * group, 1);
      const auto length = static_cast<double>(batch.images[0].contexts[0].size());
      sum += length;
      squares += length * length;
    }
    const double mean = sum / iterations;
    return std::pair(mean, std::sqrt((squares / iterations - mean * mean) / iterations));
  };
  const auto [mean16, error16] = mean_length(16);
  const auto [mean128, error128] = mean_length(128);
  EXPECT_NEAR(mean16, 60.9, standard_errors * error16);
  EXPECT_NEAR(mean128, 51.0, standard_errors * error128);
}

}  // namespace
}  // namespace ijepa
