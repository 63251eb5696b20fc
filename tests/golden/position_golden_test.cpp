// Position tables and their resizing against the reference's, stored as float32.
#include <gtest/gtest.h>

#include "ijepa/model/positions.hpp"
#include "tests/support/golden.hpp"

namespace ijepa {
namespace {

// The reference computes in float64 and stores float32: half a unit in the last place below 1.
constexpr double stored = 6e-8;

void expect_near(const std::vector<double>& actual, const std::vector<double>& expected,
                 double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (std::size_t i = 0; i < actual.size(); ++i)
    ASSERT_NEAR(actual[i], expected[i], tolerance) << "at " << i;
}

TEST(GoldenPositions, SineCosineTables) {
  const auto files = test::golden_files("position_embedding");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind position_embedding";
  for (const auto& path : files) {
    const test::GoldenFile file(path);
    for (const auto& name : file.children()) {
      SCOPED_TRACE(file.name() + ": " + name);
      const auto grid = file.integer(name, "grid");
      expect_near(sincos_positions({grid, grid}, file.integer(name, "dim")), file.values(name),
                  stored);
    }
  }
}

// The reference evaluates the cubic kernel in float32, whose outer taps cancel terms up to 6: four
// roundings of 2.4e-7 a tap, two such taps an axis. A kernel with another parameter, other corners
// or antialiasing is off by more than 1e-3.
constexpr double float32_kernel = 4e-6;

TEST(GoldenPositions, ResizedTables) {
  const auto files = test::golden_files("position_interpolation");
  if (files.empty()) GTEST_SKIP() << "no golden file of kind position_interpolation";
  for (const auto& path : files) {
    const test::GoldenFile file(path);
    for (const auto& name : file.children()) {
      SCOPED_TRACE(file.name() + ": " + name);
      const Grid from{file.integer(name, "grid"), file.integer(name, "grid")};
      const Grid to{file.integer(name, "height"), file.integer(name, "width")};
      const auto width = file.integer(name, "dim");
      expect_near(resize_positions(sincos_positions(from, width), from, width, to),
                  file.values(name), float32_kernel);
    }
  }
}

}  // namespace
}  // namespace ijepa
