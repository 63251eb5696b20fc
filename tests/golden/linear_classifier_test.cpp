#include <gtest/gtest.h>

#include <vector>

#include "ijepa/tasks/linear_heads.hpp"
#include "tests/support/golden.hpp"

namespace ijepa::test {
namespace {

/// Mean over tokens: tokens (B, N, D) to (B, D).
Matrix<double> pooled(const double* tokens, std::int64_t batch, std::int64_t count,
                      std::int64_t width) {
  Matrix<double> out(batch, width);
  for (std::int64_t i = 0; i < batch * count * width; ++i)
    out.row(i / (count * width))[static_cast<std::size_t>(i % width)] +=
        tokens[i] / static_cast<double>(count);
  return out;
}

void expect_near(const std::vector<double>& got, const std::vector<double>& expected, double bound,
                 const std::string& what) {
  ASSERT_EQ(got.size(), expected.size()) << what;
  for (std::size_t i = 0; i < got.size(); ++i) EXPECT_NEAR(got[i], expected[i], bound) << what;
}

TEST(GoldenHeads, LinearClassifierTraining) {
  const auto files = golden_files("heads");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind heads";
  for (const auto& path : files) {
    const GoldenFile file(path);
    if (!file.exists("classifier")) continue;
    const auto shape = file.shape("classifier/tokens");  // steps, B, N, D
    const auto tokens = file.values("classifier/tokens");
    const auto labels = file.values("classifier/labels");
    const auto losses = file.values("classifier/losses");
    const auto classes = file.shape("classifier/bias")[0];
    LinearHeads<double> head(
        shape[3], classes,
        {{file.number("classifier", "lr"), file.number("classifier", "weight_decay")}},
        file.number("classifier", "momentum"));
    head.weight.values = file.values("classifier/weight");
    head.bias = file.values("classifier/bias");
    for (std::int64_t s = 0; s < shape[0]; ++s) {
      const auto x =
          pooled(tokens.data() + s * shape[1] * shape[2] * shape[3], shape[1], shape[2], shape[3]);
      const auto first = labels.begin() + s * shape[1];
      const std::vector<std::int32_t> step_labels(first, first + shape[1]);
      const auto loss = head.step(x.view(), step_labels, 1.0);
      EXPECT_NEAR(loss[0], losses[static_cast<std::size_t>(s)], 1e-10) << path << " step " << s;
    }
    expect_near(head.weight.values, file.values("classifier/final_weight"), 1e-10, "weight");
    expect_near(head.bias, file.values("classifier/final_bias"), 1e-10, "bias");
  }
}

}  // namespace
}  // namespace ijepa::test
