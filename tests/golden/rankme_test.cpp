#include <gtest/gtest.h>

#include "ijepa/train/health/health.hpp"
#include "tests/support/golden.hpp"

namespace ijepa::test {
namespace {

TEST(GoldenHeads, RankMe) {
  const auto files = golden_files("heads");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind heads";
  for (const auto& path : files) {
    const GoldenFile file(path);
    if (!file.exists("rankme")) continue;
    const auto shape = file.shape("rankme/features");
    const auto features = file.values("rankme/features");
    const double expected = file.number("rankme", "rankme");
    EXPECT_NEAR(rankme(MatrixView<const double>{features.data(), shape[0], shape[1]}), expected,
                1e-8 * expected)
        << path;
  }
}

}  // namespace
}  // namespace ijepa::test
