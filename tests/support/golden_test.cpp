#include "tests/support/golden.hpp"

#include <gtest/gtest.h>

namespace ijepa::test {
namespace {

TEST(Golden, ReadsDatasetsAndAttributesOfEveryType) {
  for (const auto& path : golden_files("step")) {
    const GoldenFile file(path);
    EXPECT_EQ(file.text("/", "kind"), "step");
    EXPECT_EQ(file.numbers("/", "ema").size(), 2U);
    EXPECT_TRUE(file.has_attribute("/", "allow_overlap"));
    const double flag = file.number("/", "allow_overlap");
    EXPECT_TRUE(flag == 0 || flag == 1);
    EXPECT_EQ(file.children("steps").size(), static_cast<std::size_t>(file.integer("/", "steps")));
    const auto shape = file.shape("steps/0/images");
    ASSERT_EQ(shape.size(), 4U);
    EXPECT_EQ(shape[0], file.integer("/", "batch"));
    EXPECT_EQ(file.values("steps/0/images").size(),
              static_cast<std::size_t>(shape[0] * shape[1] * shape[2] * shape[3]));
  }
}

TEST(Golden, NamesWhatIsMissing) {
  const auto files = golden_files("step");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind step";
  const GoldenFile file(files[0]);
  EXPECT_FALSE(file.exists("no/such/thing"));
  EXPECT_THROW(file.values("no/such/thing"), Error);
  EXPECT_THROW(file.number("/", "no_such_attribute"), Error);
  EXPECT_THROW(file.number("/", "ema"), Error);
  EXPECT_TRUE(file.children("nothing").empty());
}

}  // namespace
}  // namespace ijepa::test
