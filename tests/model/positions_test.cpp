// Position tables: layout on grids that are not square, and what resizing must keep.
#include "ijepa/model/positions.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

TEST(Positions, ColumnsComeFirstAndRowsSecond) {
  constexpr Grid grid{3, 5};
  constexpr std::int64_t width = 8;
  const auto table = sincos_positions(grid, width);
  ASSERT_EQ(table.size(), 15U * 8U);
  for (std::int64_t row = 0; row < 3; ++row) {
    for (std::int64_t col = 0; col < 5; ++col) {
      const double* token = &table[static_cast<std::size_t>((row * 5 + col) * width)];
      const auto x = static_cast<double>(col), y = static_cast<double>(row);
      const double expected[8] = {std::sin(x), std::sin(x / 100), std::cos(x), std::cos(x / 100),
                                  std::sin(y), std::sin(y / 100), std::cos(y), std::cos(y / 100)};
      for (int d = 0; d < 8; ++d) EXPECT_NEAR(token[d], expected[d], 1e-15);
    }
  }
}

TEST(Positions, TheSameGridIsUnchanged) {
  const auto table = sincos_positions({3, 7}, 4);
  const auto same = resize_positions(table, {3, 7}, 4, {3, 7});
  for (std::size_t i = 0; i < table.size(); ++i) EXPECT_NEAR(same[i], table[i], 1e-14);
}

// Rows and columns must not be exchanged: resizing the transposed table transposes the result.
TEST(Positions, AxesResizeAlike) {
  std::vector<double> table, transposed(15);
  for (int i = 0; i < 15; ++i) table.push_back(std::sin(i * i));
  for (std::size_t r = 0; r < 3; ++r)
    for (std::size_t c = 0; c < 5; ++c) transposed[c * 3 + r] = table[r * 5 + c];
  const auto a = resize_positions(table, {3, 5}, 1, {7, 4});
  const auto b = resize_positions(transposed, {5, 3}, 1, {4, 7});
  for (std::size_t r = 0; r < 7; ++r)
    for (std::size_t c = 0; c < 4; ++c) EXPECT_NEAR(a[r * 4 + c], b[c * 7 + r], 1e-14);
}

TEST(Positions, ConstantsStayConstant) {
  for (const Grid to : {Grid{1, 1}, Grid{2, 9}, Grid{33, 3}})
    for (const double v : resize_positions(std::vector<double>(24, 2.5), {3, 4}, 2, to))
      EXPECT_NEAR(v, 2.5, 1e-14);
}

TEST(Positions, RefuseWhatIsNoTable) {
  EXPECT_THROW(sincos_positions({4, 4}, 6), Error);
  EXPECT_THROW(sincos_positions({4, 4}, 0), Error);
  EXPECT_THROW(sincos_positions({0, 4}, 8), Error);
  const std::vector<double> table(12);
  EXPECT_THROW(resize_positions(table, {2, 3}, 4, {4, 6}), Error);
  EXPECT_THROW(resize_positions(table, {3, 4}, 1, {0, 4}), Error);
}

}  // namespace
}  // namespace ijepa
