// Multi-block masks: properties of every drawn mask, both modes, truncation groups, rank equality.
#include "ijepa/model/masks.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "ijepa/core/error.hpp"
#include "ijepa/model/mask_limits.hpp"

namespace ijepa {
namespace {

using Mask = std::vector<std::int32_t>;
constexpr Grid published{14, 14};

MaskConfig corrected() {
  MaskConfig config;
  config.compat = false;
  return config;
}

bool same(const ImageMasks& a, const ImageMasks& b) {
  return a.contexts == b.contexts && a.targets == b.targets;
}

/// The block that a full target mask fills: {top, left, rows, cols}.
struct Block {
  std::int64_t top, left;
  BlockSize size;
};

Block bounds(const Mask& mask, Grid grid) {
  std::int64_t top = grid.rows, left = grid.cols, bottom = 0, right = 0;
  for (const auto p : mask) {
    top = std::min(top, p / grid.cols);
    bottom = std::max(bottom, p / grid.cols);
    left = std::min(left, p % grid.cols);
    right = std::max(right, p % grid.cols);
  }
  return {top, left, {bottom - top + 1, right - left + 1}};
}

TEST(Masks, ArePureFunctionsOfTheirPlace) {
  const MaskConfig config;
  const auto sizes = draw_block_sizes(config, published, 5, 3);
  EXPECT_EQ(sizes.target, draw_block_sizes(config, published, 5, 3).target);
  const auto draw = [&](std::uint64_t seed, std::int64_t epoch, std::int64_t position) {
    return draw_image_masks(config, published, sizes, seed, epoch, position);
  };
  EXPECT_TRUE(same(draw(5, 1, 9), draw(5, 1, 9)));
  EXPECT_FALSE(same(draw(5, 1, 9), draw(6, 1, 9)));
  EXPECT_FALSE(same(draw(5, 1, 9), draw(5, 2, 9)));
  EXPECT_FALSE(same(draw(5, 1, 9), draw(5, 1, 10)));
}

TEST(Masks, TargetsAreBlocksAndContextsAvoidThem) {
  for (const bool compat : {true, false}) {
    for (const Grid grid : {published, Grid{14, 21}, Grid{21, 14}}) {
      MaskConfig config;
      config.compat = compat;
      config.num_contexts = 2;
      for (std::int64_t i = 0; i < 200; ++i) {
        const auto sizes = draw_block_sizes(config, grid, 1, i);
        const auto masks = draw_image_masks(config, grid, sizes, 1, 0, i);
        ASSERT_EQ(masks.targets.size(), 4U);
        ASSERT_EQ(masks.contexts.size(), 2U);
        std::set<std::int32_t> covered;
        for (const auto& target : masks.targets) {
          EXPECT_EQ(bounds(target, grid).size, sizes.target);
          EXPECT_EQ(static_cast<std::int64_t>(target.size()), sizes.target.cells());
          covered.insert(target.begin(), target.end());
        }
        for (const auto& context : masks.contexts) {
          EXPECT_TRUE(std::is_sorted(context.begin(), context.end()));
          EXPECT_GT(static_cast<std::int64_t>(context.size()), config.min_keep);
          for (const auto p : context) EXPECT_FALSE(covered.contains(p));
        }
        EXPECT_EQ(masks.dropped_constraints, 0);
      }
    }
  }
}

TEST(Masks, OverlapKeepsTheWholeContextBlock) {
  MaskConfig config;
  config.allow_overlap = true;
  for (std::int64_t i = 0; i < 50; ++i) {
    const auto sizes = draw_block_sizes(config, published, 1, i);
    const auto masks = draw_image_masks(config, published, sizes, 1, 0, i);
    EXPECT_EQ(static_cast<std::int64_t>(masks.contexts[0].size()), sizes.context.cells());
  }
}

// Quirk 2: compat never reaches the last row and column; corrected masks do, uniformly.
TEST(Masks, PositionsAreUniformUpToTheEndOfTheMode) {
  constexpr Grid grid{9, 11};
  constexpr BlockSizes sizes{{3, 4}, {5, 5}};
  constexpr std::int64_t images = 4000;
  for (const bool compat : {true, false}) {
    MaskConfig config;
    config.compat = compat;
    const std::int64_t tops = grid.rows - 3 + (compat ? 0 : 1);
    const std::int64_t lefts = grid.cols - 4 + (compat ? 0 : 1);
    std::vector<std::int64_t> count(static_cast<std::size_t>(tops * lefts));
    for (std::int64_t i = 0; i < images; ++i) {
      const auto masks = draw_image_masks(config, grid, sizes, 2, 0, i);
      for (const auto& target : masks.targets) {
        const Block block = bounds(target, grid);
        ASSERT_LT(block.top, tops);
        ASSERT_LT(block.left, lefts);
        ++count[static_cast<std::size_t>(block.top * lefts + block.left)];
      }
    }
    const double mean = 4.0 * images / static_cast<double>(count.size());
    double chi_square = 0;
    for (const auto c : count) chi_square += std::pow(static_cast<double>(c) - mean, 2) / mean;
    const auto freedom = static_cast<double>(count.size() - 1);
    EXPECT_LT(chi_square, freedom + 5 * std::sqrt(2 * freedom));
  }
}

// Quirk 1: one draw for scale and aspect ties the shape to the size.
TEST(Masks, ScaleAndAspectAreIndependentOnlyWhenCorrected) {
  const SizeDraws draws{0.1, 0.9, 0.5};
  constexpr Grid grid{32, 32};
  const auto tied = block_sizes(MaskConfig{}, grid, draws).target;
  const auto free = block_sizes(corrected(), grid, draws).target;
  EXPECT_EQ(tied, (BlockSize{11, 14}));  // n = 158, aspect 0.825
  EXPECT_EQ(free, (BlockSize{15, 11}));  // n = 158, aspect 1.425
}

TEST(Masks, BlocksAreClampedToTheGrid) {
  MaskConfig config;
  config.target_scale_min = config.target_scale_max = 1;
  config.context_scale_min = 1;
  EXPECT_EQ(block_sizes(config, {8, 12}, {}).target, (BlockSize{7, 11}));
  EXPECT_EQ(block_sizes(config, {8, 12}, {}).context, (BlockSize{7, 10}));
  config.compat = false;
  EXPECT_EQ(block_sizes(config, {8, 12}, {}).target, (BlockSize{8, 11}));
}

// A context that targets nearly always cover: constraints go, from the last, and are counted.
TEST(Masks, ConstraintsAreDroppedWhenTooFewPatchesRemain) {
  MaskConfig config;
  config.min_keep = 30;
  constexpr Grid grid{8, 8};
  constexpr BlockSizes sizes{{6, 6}, {7, 7}};
  const auto masks = draw_image_masks(config, grid, sizes, 1, 0, 0);
  EXPECT_EQ(masks.dropped_constraints, 4);
  EXPECT_EQ(masks.contexts[0].size(), 49U);
}

TEST(Masks, ABlockThatCanNeverBePlacedIsAnErrorNotALoop) {
  const MaskConfig config;
  EXPECT_THROW(draw_image_masks(config, {8, 8}, {{3, 3}, {7, 7}}, 1, 0, 0), Error);
  EXPECT_THROW(draw_image_masks(config, {8, 8}, {{4, 4}, {8, 7}}, 1, 0, 0), Error);
  EXPECT_THROW(draw_image_masks(config, {8, 8}, {{0, 40}, {7, 7}}, 1, 0, 0), Error);
}

TEST(Masks, CompatTruncationKeepsTheFirstIndices) {
  ImageMasks masks{{{1, 4, 6, 9}, {0, 2, 3}}, {{5, 7}}, 0};
  EXPECT_EQ(common_lengths(std::vector{masks}), (MaskLengths{3, 2}));
  truncate_masks(MaskConfig{}, {3, 1}, 1, 0, 0, masks);
  EXPECT_EQ(masks.contexts, (std::vector<Mask>{{1, 4, 6}, {0, 2, 3}}));
  EXPECT_EQ(masks.targets, (std::vector<Mask>{{5}}));
  EXPECT_THROW(truncate_masks(MaskConfig{}, {4, 1}, 1, 0, 0, masks), Error);
}

// Every patch stays with probability length / size, and every pair as independent draws would.
TEST(Masks, CorrectedTruncationKeepsAUniformSubset) {
  constexpr std::size_t size = 9;
  constexpr std::int64_t length = 4, draws = 20000;
  std::vector<double> kept(size);
  double pairs = 0;
  for (std::int64_t i = 0; i < draws; ++i) {
    ImageMasks masks{{{0, 1, 2, 3, 4, 5, 6, 7, 8}}, {{0}}, 0};
    truncate_masks(corrected(), {length, 1}, 1, 0, i, masks);
    const Mask& mask = masks.contexts[0];
    ASSERT_EQ(mask.size(), static_cast<std::size_t>(length));
    ASSERT_TRUE(std::is_sorted(mask.begin(), mask.end()));
    for (const auto p : mask) ++kept[static_cast<std::size_t>(p)];
    if (mask[0] == 0 && mask[1] == 1) ++pairs;
  }
  const auto n = static_cast<double>(draws);
  constexpr double p = 4.0 / 9.0, both = 4.0 * 3.0 / (9.0 * 8.0);
  for (const double k : kept) EXPECT_NEAR(k / n, p, 5 * std::sqrt(p * (1 - p) / n));
  EXPECT_NEAR(pairs / n, both, 5 * std::sqrt(both * (1 - both) / n));
}

// Ranks and micro-batches cut the iteration anywhere: the masks are the same.
TEST(Masks, ABatchIsTheSameHoweverItIsCut) {
  for (const bool compat : {true, false}) {
    MaskConfig config;
    config.compat = compat;
    config.truncate_group = 8;
    const MaskIteration iteration{4, 17, 2, 60, 30};
    const auto whole = draw_batch_masks(config, published, iteration, 60, 30);
    ASSERT_EQ(whole.images.size(), 30U);
    for (const std::int64_t piece : {1, 4, 7, 13}) {
      for (std::int64_t first = 60; first < 90; first += piece) {
        const auto count = std::min<std::int64_t>(piece, 90 - first);
        const auto part = draw_batch_masks(config, published, iteration, first, count);
        for (std::int64_t i = 0; i < count; ++i)
          ASSERT_TRUE(same(part.images[static_cast<std::size_t>(i)],
                           whole.images[static_cast<std::size_t>(first - 60 + i)]));
      }
    }
    EXPECT_THROW(draw_batch_masks(config, published, iteration, 59, 2), Error);
    EXPECT_THROW(draw_batch_masks(config, published, iteration, 89, 2), Error);
  }
}

TEST(Masks, AGroupHasOneLengthAndGroupsDiffer) {
  MaskConfig config;
  config.num_contexts = 2;
  config.truncate_group = 8;
  const auto batch = draw_batch_masks(config, published, {1, 0, 0, 0, 64}, 0, 64);
  std::set<std::size_t> lengths;
  for (std::size_t i = 0; i < 64; ++i) {
    const auto& first = batch.images[i / 8 * 8];
    for (const auto& context : batch.images[i].contexts)
      EXPECT_EQ(context.size(), first.contexts[0].size());
    lengths.insert(first.contexts[0].size());
  }
  EXPECT_GT(lengths.size(), 1U);
}

TEST(Masks, ContextsAreCutToAMultiple) {
  for (const bool compat : {true, false})
    for (const std::int64_t group : {1, 8}) {
      MaskConfig config;
      config.compat = compat;
      config.truncate_group = group;
      const auto exact = draw_batch_masks(config, published, {1, 0, 0, 0, 64}, 0, 64);
      config.context_multiple = 8;
      const auto cut = draw_batch_masks(config, published, {1, 0, 0, 0, 64}, 0, 64);
      for (std::size_t i = 0; i < 64; ++i) {
        const auto &all = exact.images[i].contexts[0], &some = cut.images[i].contexts[0];
        EXPECT_EQ(some.size(), all.size() / 8 * 8);
        EXPECT_TRUE(std::ranges::is_sorted(some));
        EXPECT_TRUE((!compat && group != 1) || std::ranges::includes(all, some));
        EXPECT_EQ(cut.images[i].targets, exact.images[i].targets);
      }
    }
}

TEST(Masks, AContextBelowTheMultipleStaysAsItIs) {
  MaskConfig config;
  config.context_multiple = 8;
  for (const auto& [length, kept] : {std::pair{1, 1}, {7, 7}, {8, 8}, {9, 8}, {15, 8}, {64, 64}})
    EXPECT_EQ(context_length(config, length), kept);
}

TEST(Masks, ContextsKeepAtMostTheGivenPatches) {
  for (const std::int64_t group : {1, 16})
    for (const bool compat : {true, false}) {
      MaskConfig config;
      config.compat = compat;
      config.truncate_group = group;
      const auto all = draw_batch_masks(config, published, {1, 0, 0, 0, 64}, 0, 64);
      config.context_patches = 40;
      const auto few = draw_batch_masks(config, published, {1, 0, 0, 0, 64}, 0, 64);
      bool cut = false;
      for (std::size_t i = 0; i < 64; ++i) {
        const auto length = all.images[i].contexts[0].size(),
                   kept = few.images[i].contexts[0].size();
        EXPECT_EQ(kept, std::min<std::size_t>(length, 40));
        EXPECT_TRUE(std::ranges::is_sorted(few.images[i].contexts[0]));
        cut |= kept < length;
      }
      EXPECT_TRUE(cut);
      for (const MaskLengths& worst : worst_case_lengths(config, published))
        EXPECT_LE(worst.context, 40);
    }
}

TEST(Masks, RandomMasksDivideTheGridAndPreferNoPatch) {
  MaskConfig config;
  config.shape = MaskShape::random;
  config.num_targets = 1;
  config.context_patches = 49;
  check_masks(config, published);
  constexpr std::int64_t images = 400;
  const auto batch = draw_batch_masks(config, published, {1, 0, 0, 0, images}, 0, images);
  std::vector<double> seen(196);
  for (const auto& image : batch.images) {
    const Mask &context = image.contexts.at(0), &target = image.targets.at(0);
    ASSERT_EQ(context.size(), 49U);
    Mask all;
    std::ranges::merge(context, target, std::back_inserter(all));
    for (std::int32_t i = 0; i < 196; ++i) ASSERT_EQ(all.at(static_cast<std::size_t>(i)), i);
    for (const auto patch : context) ++seen[static_cast<std::size_t>(patch)];
  }
  for (const double n : seen) EXPECT_NEAR(n / images, 0.25, 0.11);  // five deviations
  EXPECT_EQ(worst_case_lengths(config, published), (std::vector<MaskLengths>{{49, 147}}));
}

TEST(Masks, RandomMasksAreRefusedWhereTheyCannotBe) {
  const auto refused = [](std::int64_t patches, std::int64_t targets) {
    MaskConfig config;
    config.shape = MaskShape::random;
    config.num_targets = targets;
    config.context_patches = patches;
    EXPECT_THROW(check_masks(config, published), Error);
  };
  refused(0, 1);
  refused(196, 1);
  refused(49, 4);
}

TEST(Masks, AGroupOfOneIsNotTruncated) {
  constexpr Grid grid{32, 32};  // large enough for two contexts to differ
  MaskConfig config;
  config.num_contexts = 2;
  config.truncate_group = 1;
  const MaskIteration iteration{1, 0, 0, 0, 16};
  const auto batch = draw_batch_masks(config, grid, iteration, 0, 16);
  const auto sizes = draw_block_sizes(config, grid, 1, 0);
  bool differ = false;
  for (std::int64_t i = 0; i < 16; ++i) {
    const auto& masks = batch.images[static_cast<std::size_t>(i)];
    EXPECT_TRUE(same(masks, draw_image_masks(config, grid, sizes, 1, 0, i)));
    differ |= masks.contexts[0].size() != masks.contexts[1].size();
  }
  EXPECT_TRUE(differ);
}

}  // namespace
}  // namespace ijepa
