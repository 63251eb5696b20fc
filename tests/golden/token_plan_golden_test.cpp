// The order of targets in the plan against the reference's: normalising and gathering its features
// by the plan's rows must give its targets, in its order.
#include <gtest/gtest.h>

#include <cmath>

#include "ijepa/model/token_plan.hpp"
#include "tests/support/golden.hpp"

namespace ijepa {
namespace {

std::vector<std::int32_t> indices(const test::GoldenFile& file, const std::string& name) {
  const auto values = file.values(name);
  return {values.begin(), values.end()};
}

/// Layer norm without affine part, epsilon 1e-5, of one token.
std::vector<double> normalised(std::span<const double> x) {
  double mean = 0, variance = 0;
  const auto width = static_cast<double>(x.size());
  for (const double v : x) mean += v / width;
  for (const double v : x) variance += (v - mean) * (v - mean) / width;
  std::vector<double> y;
  for (const double v : x) y.push_back((v - mean) / std::sqrt(variance + 1e-5));
  return y;
}

TEST(GoldenTokenPlan, TargetsComeInTheReferencesOrder) {
  const auto files = test::golden_files("step");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind step";
  for (const auto& path : files) {
    const test::GoldenFile file(path);
    SCOPED_TRACE(file.name());
    const std::string step = "steps/0/";
    const auto shape = file.shape(step + "target_features");  // (B, N, D)
    ASSERT_EQ(shape.size(), 3U);
    const auto width = static_cast<std::size_t>(shape[2]);
    const auto masks = masks_from_lists(
        indices(file, step + "context_masks"), file.integer("/", "num_context"),
        indices(file, step + "target_masks"), file.integer("/", "num_targets"), shape[0]);
    const TokenPlan plan = make_token_plan(masks, shape[1]);
    const auto features = file.values(step + "target_features");
    const auto targets = file.values(step + "targets");
    // The reference repeats the targets for every context, or holds them once for one context.
    ASSERT_EQ(targets.size(), plan.target_rows.size() * width);
    for (std::size_t i = 0; i < plan.target_rows.size(); ++i) {
      const auto row = static_cast<std::size_t>(plan.target_rows[i]);
      const auto token = normalised(std::span(features).subspan(row * width, width));
      for (std::size_t d = 0; d < width; ++d)
        ASSERT_NEAR(token[d], targets[i * width + d], 1e-8) << "row " << i << " feature " << d;
    }
  }
}

}  // namespace
}  // namespace ijepa
