// What a step computes, counted, against the arithmetic of its formulas: nothing that nobody reads.
#include <gtest/gtest.h>

#include <set>

#include "ijepa/model/masks.hpp"
#include "ijepa/train/step/memory_plan.hpp"

namespace ijepa::test {
namespace {

constexpr std::int64_t images = 3;

EncoderConfig encoder_config() {
  EncoderConfig c;
  c.width = 24;
  c.depth = 3;
  c.heads = 3;
  c.mlp_hidden = 40;
  c.patch = 2;
  c.image_height = 16;
  c.image_width = 20;
  return c;
}

TokenPlan plan_of(PredictorSequences sequences, std::int64_t step = 0,
                  std::int64_t truncate_group = 1) {
  const EncoderConfig e = encoder_config();
  MaskConfig c;
  c.min_keep = 4;
  c.compat = false;
  c.truncate_group = truncate_group;  // 1: every image has lengths of its own
  const auto masks = draw_batch_masks(c, {e.grid_rows(), e.grid_cols()},
                                      {9, step, 0, step * images, images}, step * images, images);
  return make_token_plan(masks.images, e.tokens(), sequences);
}

double size_of_list(const std::vector<std::int32_t>& list) {
  return static_cast<double>(list.size());
}

/// Pairs of queries and keys.
double pairs(Groups groups) {
  double n = 0;
  for (const auto& g : groups) n += static_cast<double>(g.count * g.queries() * g.length);
  return n;
}

/// Rows of a block: whose norm, queries, keys and values are computed, and those of what follows.
struct Rows {
  double queries, keys, outputs;
};

/// Multiply-adds of a block forward.
double block(Rows rows, double scores, double width, double hidden) {
  return width * (width * (rows.queries + 2 * rows.keys) + rows.outputs * (width + 2 * hidden) +
                  2 * scores);
}

/// Forward and backward: every product three times, and seven products of attention for two.
double block_both_ways(Rows rows, double scores, double width, double hidden) {
  return 3 * block(rows, scores, width, hidden) + scores * width;
}

double encoders(const TokenPlan& plan) {
  const EncoderConfig e = encoder_config();
  const auto d = static_cast<double>(e.width), h = static_cast<double>(e.mlp_hidden),
             n = static_cast<double>(e.tokens()), depth = static_cast<double>(e.depth),
             patch = static_cast<double>(3 * e.patch * e.patch);
  const double all = images * n, context = size_of_list(plan.context_rows);
  const double wanted = size_of_list(plan.wanted_rows);
  const double target = all * patch * d +
                        (depth - 1) * block({all, all, all}, images * n * n, d, h) +
                        block({all, all, wanted}, images * n * n, d, h);
  // No gradient of pixels.
  return target + 2 * context * patch * d +
         depth * block_both_ways({context, context, context}, pairs(plan.context_groups), d, h);
}

double predictor(const TokenPlan& plan, const PredictorConfig& p) {
  const auto w = static_cast<double>(p.width), h = static_cast<double>(p.mlp_hidden),
             d = static_cast<double>(encoder_config().width);
  const double rows = size_of_list(plan.predictor_rows), masks = size_of_list(plan.mask_rows),
               different = size_of_list(plan.different_rows);
  double sum = 3 * d * w * (size_of_list(plan.context_rows) + masks) +
               block_both_ways({masks, rows, masks}, pairs(plan.mask_groups), w, h);
  for (std::int64_t i = 0; i + 1 < p.depth; ++i) {
    const double own = i == 0 ? different : rows;
    sum += block_both_ways({own, own, rows}, pairs(plan.predictor_groups), w, h);
  }
  return sum;
}

class StepOperations : public testing::TestWithParam<PredictorSequences> {};

TEST_P(StepOperations, AreThoseThatTheLossNeeds) {
  for (const std::int64_t depth : {1, 3}) {
    const PredictorConfig p{12, depth, 20, 0, GetParam() == PredictorSequences::joint};
    const IJepa model(encoder_config(), p);
    const TokenPlan plan = plan_of(GetParam());
    ASSERT_GT(plan.context_groups.size(), 1U);
    const DryStep step = dry_step(model, Precision::float32(), plan, Recompute::none);
    EXPECT_EQ(step.flops, 2 * (encoders(plan) + predictor(plan, p))) << "predictor of " << depth;
  }
}

TEST_P(StepOperations, OfLengthsThatWereMetAreKnown) {
  const IJepa model(encoder_config(), {12, 2, 20, 0, GetParam() == PredictorSequences::joint});
  StepFlops flops(model, Precision::float32());
  std::set<double> different;
  for (int time = 0; time < 2; ++time)
    for (std::int64_t step = 0; step < 200; ++step) {
      const TokenPlan plan = plan_of(GetParam(), step, step % 2 == 0 ? 1 : images);
      const double expected = dry_step(model, Precision::float32(), plan, Recompute::none).flops;
      EXPECT_EQ(flops.of(plan), expected) << step;
      different.insert(expected);
    }
  EXPECT_GT(different.size(), 20U);
}

INSTANTIATE_TEST_SUITE_P(Sequences, StepOperations,
                         testing::Values(PredictorSequences::one_a_block,
                                         PredictorSequences::joint),
                         [](const auto& param) {
                           return param.param == PredictorSequences::joint ? "joint"
                                                                           : "one_a_block";
                         });

}  // namespace
}  // namespace ijepa::test
