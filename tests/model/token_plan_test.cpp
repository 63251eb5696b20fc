// The token plan: every row used where it must be, the reference's order, and every refusal.
#include "ijepa/model/token_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

using Mask = std::vector<std::int32_t>;

Mask random_mask(std::size_t length, std::int64_t tokens, Rng& rng) {
  std::set<std::int32_t> patches;
  while (patches.size() < length)
    patches.insert(static_cast<std::int32_t>(rng.below(static_cast<std::uint64_t>(tokens))));
  return {patches.begin(), patches.end()};
}

struct Shape {
  std::size_t images, contexts, targets;
  std::int64_t tokens;
  std::size_t target_length, shortest_context, longest_context;
};

std::vector<ImageMasks> random_masks(const Shape& s) {
  Rng rng(3, Purpose::test);
  std::vector<ImageMasks> images(s.images);
  for (auto& image : images) {
    for (std::size_t e = 0; e < s.contexts; ++e)
      image.contexts.push_back(
          random_mask(s.shortest_context + rng.below(s.longest_context - s.shortest_context + 1),
                      s.tokens, rng));
    for (std::size_t k = 0; k < s.targets; ++k)
      image.targets.push_back(random_mask(s.target_length, s.tokens, rng));
  }
  return images;
}

class TokenPlanShapes : public testing::TestWithParam<Shape> {};

TEST_P(TokenPlanShapes, GroupsCoverTheRowsInOrder) {
  const TokenPlan plan = make_token_plan(random_masks(GetParam()), GetParam().tokens);
  const auto expect_covered = [](const auto& groups, const auto& sequence_of_row,
                                 std::size_t sequences) {
    std::size_t row = 0, sequence = 0;
    for (const SequenceGroup& g : groups)
      for (std::int64_t s = 0; s < g.count; ++s, ++sequence)
        for (std::int64_t i = 0; i < g.length; ++i, ++row)
          ASSERT_EQ(sequence_of_row.at(row), static_cast<std::int32_t>(sequence));
    EXPECT_EQ(row, sequence_of_row.size());
    EXPECT_EQ(sequence, sequences);
  };
  expect_covered(plan.context_groups, plan.context_sequence_of_row, plan.context_image.size());
  expect_covered(plan.predictor_groups, plan.predictor_sequence_of_row,
                 plan.predictor_image.size());
  for (std::size_t i = 1; i < plan.context_groups.size(); ++i)
    EXPECT_LT(plan.context_groups[i - 1].length, plan.context_groups[i].length);
}

TEST_P(TokenPlanShapes, EveryContextRowIsUsedOnceByEveryTarget) {
  const Shape& s = GetParam();
  const auto images = random_masks(s);
  const TokenPlan plan = make_token_plan(images, s.tokens);
  ASSERT_EQ(plan.context_rows.size(), plan.context_sequence_of_row.size());
  std::vector<std::size_t> uses(plan.context_rows.size());
  std::size_t mask_tokens = 0;
  for (const auto row : plan.predictor_rows) {
    if (row >= 0) ++uses.at(static_cast<std::size_t>(row));
    mask_tokens += row < 0 ? 1 : 0;
  }
  for (const auto n : uses) EXPECT_EQ(n, s.targets);
  EXPECT_EQ(mask_tokens, s.images * s.contexts * s.targets * s.target_length);
}

TEST_P(TokenPlanShapes, EqualRowsOfThePredictorHaveOneSource) {
  const Shape& s = GetParam();
  for (const auto kind : {PredictorSequences::one_a_block, PredictorSequences::joint}) {
    const TokenPlan plan = make_token_plan(random_masks(s), s.tokens, kind);
    const auto different = plan.different_rows.size(), rows = plan.predictor_rows.size();
    EXPECT_EQ(std::set(plan.different_rows.begin(), plan.different_rows.end()).size(), different);
    for (std::size_t i = 0; i < plan.context_rows.size(); ++i)
      EXPECT_EQ(plan.different_rows.at(i), static_cast<std::int32_t>(i));
    ASSERT_EQ(plan.source.size(), rows);
    for (std::size_t i = 0; i < rows; ++i)
      EXPECT_EQ(plan.different_rows.at(static_cast<std::size_t>(plan.source[i])),
                plan.predictor_rows[i]);
    ASSERT_EQ(plan.source_begin.size(), different + 1);
    ASSERT_EQ(plan.source_uses.size(), rows);
    EXPECT_EQ(plan.source_begin.front(), 0);
    EXPECT_EQ(plan.source_begin.back(), static_cast<std::int32_t>(rows));
    for (std::size_t i = 0; i < different; ++i) {
      EXPECT_LT(plan.source_begin[i], plan.source_begin[i + 1]);
      for (auto u = plan.source_begin[i]; u < plan.source_begin[i + 1]; ++u)
        EXPECT_EQ(
            plan.source.at(static_cast<std::size_t>(plan.source_uses[static_cast<std::size_t>(u)])),
            static_cast<std::int32_t>(i));
    }
    EXPECT_EQ(std::set(plan.source_uses.begin(), plan.source_uses.end()).size(), rows);
  }
}

TEST_P(TokenPlanShapes, SequencesHoldTheMasksOfTheirImage) {
  const Shape& s = GetParam();
  const auto images = random_masks(s);
  const TokenPlan plan = make_token_plan(images, s.tokens);
  std::vector<Mask> contexts(plan.context_image.size());
  for (std::size_t i = 0; i < plan.context_rows.size(); ++i) {
    const auto sequence = static_cast<std::size_t>(plan.context_sequence_of_row[i]);
    EXPECT_EQ(plan.context_rows[i] / s.tokens, plan.context_image[sequence]);
    contexts[sequence].push_back(static_cast<std::int32_t>(plan.context_rows[i] % s.tokens));
  }
  std::multiset<Mask> found(contexts.begin(), contexts.end()), wanted;
  for (const auto& image : images) wanted.insert(image.contexts.begin(), image.contexts.end());
  EXPECT_EQ(found, wanted);

  std::vector<Mask> targets(plan.predictor_image.size());
  for (std::size_t i = 0; i < plan.predictor_rows.size(); ++i) {
    const auto sequence = static_cast<std::size_t>(plan.predictor_sequence_of_row[i]);
    const auto row = plan.predictor_rows[i];
    if (row < 0) {
      targets[sequence].push_back(-1 - row);
    } else {
      EXPECT_TRUE(targets[sequence].empty());  // context tokens come first
      EXPECT_EQ(plan.context_rows[static_cast<std::size_t>(row)] / s.tokens,
                plan.predictor_image[sequence]);
    }
  }
  std::multiset<Mask> predicted(targets.begin(), targets.end()), asked;
  for (const auto& image : images)
    for (std::size_t e = 0; e < s.contexts; ++e)
      asked.insert(image.targets.begin(), image.targets.end());
  EXPECT_EQ(predicted, asked);
}

// A joint plan has the contexts of any other, and each of them once before all its image's targets.
TEST_P(TokenPlanShapes, JointSequencesHoldAContextAndAllTargetsOfItsImage) {
  const Shape& s = GetParam();
  const auto images = random_masks(s);
  const TokenPlan apart = make_token_plan(images, s.tokens);
  const TokenPlan plan = make_token_plan(images, s.tokens, PredictorSequences::joint);
  EXPECT_EQ(plan.context_rows, apart.context_rows);
  EXPECT_EQ(plan.predictor_image, plan.context_image);
  std::size_t row = 0, sequence = 0, output = 0, context = 0;
  for (const SequenceGroup& g : plan.predictor_groups)
    for (std::int64_t i = 0; i < g.count; ++i, ++sequence) {
      const std::size_t begin = row;
      const auto image = plan.predictor_image[sequence];
      for (; context < plan.context_rows.size() &&
             plan.context_sequence_of_row[context] == static_cast<std::int32_t>(sequence);
           ++context, ++row)
        EXPECT_EQ(plan.predictor_rows.at(row), static_cast<std::int32_t>(context));
      for (const Mask& target : images[static_cast<std::size_t>(image)].targets)
        for (const auto patch : target) {
          EXPECT_EQ(plan.mask_rows.at(output), static_cast<std::int32_t>(row));
          EXPECT_EQ(plan.target_rows.at(output++), image * s.tokens + patch);
          EXPECT_EQ(plan.predictor_sequence_of_row.at(row), static_cast<std::int32_t>(sequence));
          EXPECT_EQ(plan.predictor_rows.at(row++), -1 - patch);
        }
      EXPECT_EQ(row - begin, static_cast<std::size_t>(g.length));
    }
  EXPECT_EQ(row, plan.predictor_rows.size());
  EXPECT_EQ(output, plan.target_rows.size());
  EXPECT_EQ(output, apart.target_rows.size());
}

TEST_P(TokenPlanShapes, OutputsAreTheMaskTokensOfTheTargets) {
  const Shape& s = GetParam();
  const TokenPlan plan = make_token_plan(random_masks(s), s.tokens);
  ASSERT_EQ(plan.mask_rows.size(), plan.target_rows.size());
  EXPECT_TRUE(std::is_sorted(plan.mask_rows.begin(), plan.mask_rows.end()));
  ASSERT_EQ(plan.mask_rows.size(), s.images * s.contexts * s.targets * s.target_length);
  for (std::size_t i = 0; i < plan.mask_rows.size(); ++i) {
    const auto row = static_cast<std::size_t>(plan.mask_rows[i]);
    const auto sequence = static_cast<std::size_t>(plan.predictor_sequence_of_row.at(row));
    const auto patch = -1 - plan.predictor_rows.at(row);
    EXPECT_EQ(plan.target_rows[i], plan.predictor_image[sequence] * s.tokens + patch);
    EXPECT_EQ(plan.mask_sequence_of_row.at(i), plan.predictor_sequence_of_row.at(row));
  }
}

TEST_P(TokenPlanShapes, EveryTargetRowIsWantedOnce) {
  const Shape& s = GetParam();
  const TokenPlan plan = make_token_plan(random_masks(s), s.tokens);
  const std::set<std::int32_t> wanted(plan.target_rows.begin(), plan.target_rows.end());
  EXPECT_EQ(plan.wanted_rows, Mask(wanted.begin(), wanted.end()));
  ASSERT_EQ(plan.target_numbers.size(), plan.target_rows.size());
  for (std::size_t i = 0; i < plan.target_rows.size(); ++i)
    EXPECT_EQ(plan.wanted_rows.at(static_cast<std::size_t>(plan.target_numbers[i])),
              plan.target_rows[i]);
}

TEST_P(TokenPlanShapes, TheMaskTokensOfEverySequenceAsk) {
  const Shape& s = GetParam();
  for (const auto kind : {PredictorSequences::one_a_block, PredictorSequences::joint}) {
    const TokenPlan plan = make_token_plan(random_masks(s), s.tokens, kind);
    std::size_t sequence = 0, row = 0, output = 0;
    for (const SequenceGroup& g : plan.mask_groups)
      for (std::int64_t i = 0; i < g.count; ++i, ++sequence) {
        const auto end = row + static_cast<std::size_t>(g.length);
        for (std::int64_t j = 0; j < g.asking; ++j, ++output) {
          EXPECT_GE(plan.mask_rows.at(output), static_cast<std::int32_t>(row));
          EXPECT_LT(plan.mask_rows.at(output), static_cast<std::int32_t>(end));
        }
        for (; row < end; ++row)
          EXPECT_EQ(plan.predictor_sequence_of_row.at(row), static_cast<std::int32_t>(sequence));
      }
    EXPECT_EQ(row, plan.predictor_rows.size());
    EXPECT_EQ(output, plan.mask_rows.size());
  }
}

INSTANTIATE_TEST_SUITE_P(Odd, TokenPlanShapes,
                         testing::Values(Shape{1, 1, 1, 1, 1, 1, 1}, Shape{3, 1, 4, 33, 7, 5, 5},
                                         Shape{7, 1, 3, 33, 7, 1, 33}, Shape{5, 2, 4, 35, 6, 3, 20},
                                         Shape{2, 3, 2, 64, 12, 9, 9}));

// Two images, two contexts, two targets, one length: context (e, b), predictor (k, e, b).
TEST(TokenPlan, OneLengthGivesTheReferencesOrder) {
  const Mask contexts{0, 1, 2, 3, 4, 5, 6, 7};  // (E 2, B 2, Nc 2)
  const Mask targets{8, 9, 8, 9};               // (K 2, B 2, Mt 1)
  const TokenPlan plan = make_token_plan(masks_from_lists(contexts, 2, targets, 2, 2), 10);
  EXPECT_EQ(plan.context_rows, (Mask{0, 1, 12, 13, 4, 5, 16, 17}));
  EXPECT_EQ(plan.context_image, (Mask{0, 1, 0, 1}));
  EXPECT_EQ(plan.predictor_image, (Mask{0, 1, 0, 1, 0, 1, 0, 1}));
  EXPECT_EQ(plan.predictor_rows, (Mask{0, 1, -9, 2, 3, -10, 4, 5, -9, 6, 7, -10,     // k = 0
                                       0, 1, -9, 2, 3, -10, 4, 5, -9, 6, 7, -10}));  // k = 1
  EXPECT_EQ(plan.target_rows, (Mask{8, 19, 8, 19, 8, 19, 8, 19}));
  ASSERT_EQ(plan.context_groups.size(), 1U);
  ASSERT_EQ(plan.predictor_groups.size(), 1U);
  EXPECT_EQ(plan.predictor_groups[0].count, 8);
  EXPECT_EQ(plan.predictor_groups[0].length, 3);
  ASSERT_EQ(plan.mask_groups.size(), 1U);
  EXPECT_EQ(plan.mask_groups[0].asking, 1);
}

TEST(TokenPlan, RefusesMasksThatCannotBePacked) {
  const ImageMasks good{{{0, 1}}, {{2}, {3}}, 0};
  EXPECT_NO_THROW(make_token_plan(std::vector{good}, 4));
  EXPECT_THROW(make_token_plan(std::vector<ImageMasks>{}, 4), Error);
  EXPECT_THROW(make_token_plan(std::vector{good}, 3), Error);  // patch 3 of 3 tokens
  EXPECT_THROW(make_token_plan(std::vector{ImageMasks{{{-1}}, {{2}}, 0}}, 4), Error);
  EXPECT_THROW(make_token_plan(std::vector{ImageMasks{{{}}, {{2}}, 0}}, 4), Error);
  EXPECT_THROW(make_token_plan(std::vector{ImageMasks{{{0}}, {}, 0}}, 4), Error);
  EXPECT_THROW(make_token_plan(std::vector{ImageMasks{{{0}}, {{1}, {2, 3}}, 0}}, 4), Error);
  EXPECT_THROW(make_token_plan(std::vector{good, ImageMasks{{{0}}, {{1}}, 0}}, 4), Error);
  EXPECT_THROW(make_token_plan(std::vector{good}, std::int64_t{1} << 40), Error);  // past int32
  EXPECT_THROW(masks_from_lists(Mask{0, 1, 2}, 1, Mask{0, 1}, 1, 2), Error);
}

TEST(TokenPlan, UniformPlanHasTheShapesAsked) {
  MaskConfig config;
  config.num_contexts = 2;
  config.num_targets = 3;
  const TokenPlan plan = uniform_token_plan(config, {5, 4}, 7, 16);
  EXPECT_EQ(plan.context_rows.size(), 7U * 2 * 5);
  EXPECT_EQ(plan.predictor_rows.size(), 7U * 2 * 3 * (5 + 4));
  EXPECT_EQ(plan.mask_rows.size(), 7U * 2 * 3 * 4);
  EXPECT_EQ(plan.different_rows.size(), 7U * 2 * 5 + 16);
  // One image: 3 targets of 4 are 12 positions, of 6 are all 16.
  EXPECT_EQ(uniform_token_plan(config, {5, 4}, 1, 16).different_rows.size(), 2U * 5 + 12);
  EXPECT_EQ(uniform_token_plan(config, {5, 6}, 1, 16).different_rows.size(), 2U * 5 + 16);
  EXPECT_THROW(uniform_token_plan(config, {17, 4}, 7, 16), Error);
}

}  // namespace
}  // namespace ijepa
