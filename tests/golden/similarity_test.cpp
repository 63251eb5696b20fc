#include <gtest/gtest.h>

#include <numeric>

#include "ijepa/tasks/features/similarity_index.hpp"
#include "tests/support/golden.hpp"

namespace ijepa::test {
namespace {

TEST(GoldenHeads, CosinesOfPooledTokens) {
  const auto files = golden_files("heads");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind heads";
  for (const auto& path : files) {
    const GoldenFile file(path);
    if (!file.exists("similarity")) continue;
    const auto shape = file.shape("similarity/tokens");  // images, N, D
    const auto tokens = file.values("similarity/tokens");
    const auto cosines = file.values("similarity/cosine");
    const auto images = shape[0], width = shape[2];
    Matrix<float> pooled(images, width);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
      const auto at = static_cast<std::int64_t>(i);
      pooled.row(at / (shape[1] * width))[static_cast<std::size_t>(at % width)] +=
          static_cast<float>(tokens[i] / static_cast<double>(shape[1]));
    }
    const auto rows = unit_rows(pooled);
    const auto hits = SimilarityIndex(rows, "Flat").nearest(rows.view(), images);
    for (std::int64_t a = 0; a < images; ++a) {
      const auto& of_a = hits[static_cast<std::size_t>(a)];
      ASSERT_EQ(std::ssize(of_a), images);
      for (const auto& hit : of_a)
        EXPECT_NEAR(hit.similarity, cosines[static_cast<std::size_t>(a * images + hit.image)], 2e-6)
            << path;
    }
  }
}

}  // namespace
}  // namespace ijepa::test
