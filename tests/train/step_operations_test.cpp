// What a step computes, counted, against the arithmetic of its formulas: nothing that nobody reads.
#include <gtest/gtest.h>

#include "ijepa/model/masks.hpp"
#include "ijepa/train/memory_plan.hpp"

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

TokenPlan plan_of(PredictorSequences sequences) {
  const EncoderConfig e = encoder_config();
  MaskConfig c;
  c.min_keep = 4;
  c.compat = false;
  c.truncate_group = 1;  // every image has lengths of its own
  const auto masks =
      draw_batch_masks(c, {e.grid_rows(), e.grid_cols()}, {9, 0, 0, 0, images}, 0, images);
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

/// A block of `outputs` rows whose keys and values are of `rows`: multiply-adds forward.
double block(double rows, double outputs, double scores, double width, double hidden) {
  return rows * 2 * width * width + outputs * (2 * width * width + 2 * width * hidden) +
         2 * scores * width;
}

/// The same backward: every product twice, and five products of attention for two.
double block_backward(double rows, double outputs, double scores, double width, double hidden) {
  return 2 * block(rows, outputs, scores, width, hidden) + scores * width;
}

/// Multiply-adds of a step.
double expected(const TokenPlan& plan, const PredictorConfig& p) {
  const EncoderConfig e = encoder_config();
  const auto d = static_cast<double>(e.width), h = static_cast<double>(e.mlp_hidden),
             n = static_cast<double>(e.tokens()), depth = static_cast<double>(e.depth),
             patch = static_cast<double>(3 * e.patch * e.patch);
  const auto w = static_cast<double>(p.width), wh = static_cast<double>(p.mlp_hidden);
  const double all = images * n, context = size_of_list(plan.context_rows),
               rows = size_of_list(plan.predictor_rows), masks = size_of_list(plan.mask_rows);
  const double scores = pairs(plan.context_groups), own = pairs(plan.predictor_groups),
               asked = pairs(plan.mask_groups);
  const double target = all * patch * d + depth * block(all, all, images * n * n, d, h);
  const double encoder = context * patch * d + depth * block(context, context, scores, d, h);
  const double encoder_backward =
      context * patch * d + depth * block_backward(context, context, scores, d, h);
  const auto whole = static_cast<double>(p.depth - 1);
  const double ends = context * d * w + masks * w * d;
  const double predictor =
      ends + whole * block(rows, rows, own, w, wh) + block(rows, masks, asked, w, wh);
  const double predictor_backward = 2 * ends + whole * block_backward(rows, rows, own, w, wh) +
                                    block_backward(rows, masks, asked, w, wh);
  return target + encoder + encoder_backward + predictor + predictor_backward;
}

class StepOperations : public testing::TestWithParam<PredictorSequences> {};

TEST_P(StepOperations, AreThoseThatTheLossNeeds) {
  for (const std::int64_t depth : {1, 3}) {
    const PredictorConfig p{12, depth, 20, 0, GetParam() == PredictorSequences::joint};
    const IJepa model(encoder_config(), p);
    const TokenPlan plan = plan_of(GetParam());
    ASSERT_GT(plan.context_groups.size(), 1U);
    const DryStep step = dry_step(model, Precision::float32(), plan, Recompute::none);
    EXPECT_EQ(step.flops, 2 * expected(plan, p)) << "predictor of " << depth;
  }
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
