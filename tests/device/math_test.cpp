// exp, erf and GELU of the float32 kernels against the C library in double.
#include <gtest/gtest.h>

#include <algorithm>
#include <limits>

#include "src/device/cpu/math_kernel.hpp"

namespace ijepa::cpu {
namespace {

using V = Vec<Avx2, float>;

template <class F>
void for_each_value(double low, double high, F&& f) {
  constexpr int n = 200'000;
  for (int i = 0; i <= n; ++i) f(static_cast<float>(low + (high - low) * i / n));
}

TEST(VectorMath, ExpIsWithinTwoUnitsInTheLastPlace) {
  for_each_value(-87, 88, [](float x) {
    const double want = std::exp(static_cast<double>(x));
    ASSERT_NEAR(exp<Avx2>(splat<Avx2>(x))[0], want, 2.4e-7 * want) << x;
  });
  EXPECT_EQ(exp<Avx2>(splat<Avx2>(-1e30F))[0], 0);
  EXPECT_TRUE(std::isnan(exp<Avx2>(splat<Avx2>(std::nanf("")))[0]));
}

TEST(VectorMath, LogIsWithinTwoUnitsInTheLastPlace) {
  const auto expect_log = [](float x) {
    const double want = std::log(static_cast<double>(x));
    ASSERT_NEAR(log<Avx2>(splat<Avx2>(x))[0], want, 2.4e-7 * std::abs(want) + 1e-45) << x;
  };
  for_each_value(0.5, 2, expect_log);
  for_each_value(2, 1e5, expect_log);
  for_each_value(1e-37, 0.5, expect_log);
  EXPECT_TRUE(std::isnan(log<Avx2>(splat<Avx2>(std::nanf("")))[0]));
}

/// The tanh form differs by up to 4.7e-4 (value) and is far outside these bounds.
TEST(VectorMath, GeluIsTheExactForm) {
  for_each_value(-8, 8, [](float x) {
    const double z = x, scale = std::max(1.0, std::abs(z));
    const auto v = splat<Avx2>(x);
    ASSERT_NEAR(gelu<Avx2>(v)[0], ijepa::gelu(z), 2e-7 * scale) << x;
    ASSERT_NEAR(gelu_gradient<Avx2>(v, normal_cdf<Avx2>(v))[0], ijepa::gelu_gradient(z), 3e-7) << x;
  });
}

/// The polynomial of a table where kernels would evaluate it, less 1/2.
template <class Pieces, class Table>
float from_table(const Table& table, float x) {
  const float place = x * static_cast<float>(Pieces::in_one) - static_cast<float>(Pieces::first);
  const auto piece =
      static_cast<std::size_t>(std::clamp<long>(std::lround(place), 0, Pieces::count - 1));
  float p = 0;
  for (std::size_t i = table.size(); i-- > 0;)
    p = p * (place - static_cast<float>(piece)) + table.at(i).at(piece);
  return p;
}

/// Of both instruction sets, on any processor.
TEST(GeluTables, AreTheDistributionAndTheSlope) {
  const auto expect_tables = []<class Pieces>(Pieces) {
    for_each_value(0, 6.2, [](float x) {
      const double z = x;
      ASSERT_NEAR(from_table<Pieces>(cdf_table<Pieces>, x), std::erf(z / std::sqrt(2.0)) / 2, 8e-8)
          << x;
      ASSERT_NEAR(from_table<Pieces>(slope_table<Pieces>, x), ijepa::gelu_gradient(z) - 0.5, 1.6e-7)
          << x;
    });
  };
  expect_tables(GeluPieces<8>{});
  expect_tables(GeluPieces<16>{});
  using Many = GeluPieces<16>;
  EXPECT_EQ(cdf_table<Many>[0][Many::count - 1], 0.5F);
  EXPECT_EQ(slope_table<Many>[0][Many::count - 1], 0.5F);
}

TEST(GeluTables, BeyondThemPhiAndTheSlopeAreZeroOrOne) {
  for (const float x : {6.2F, 6.3F, 8.0F, 1e30F, std::numeric_limits<float>::infinity()})
    for (const float sign : {-1.0F, 1.0F}) {
      const auto v = splat<Avx2>(sign * x);
      EXPECT_EQ(normal_cdf<Avx2>(v)[0], sign > 0 ? 1.0F : 0.0F) << sign * x;
      EXPECT_EQ(gelu_gradient<Avx2>(v, v)[0], sign > 0 ? 1.0F : 0.0F) << sign * x;
    }
  const auto nan = splat<Avx2>(std::nanf(""));
  EXPECT_TRUE(std::isnan(normal_cdf<Avx2>(nan)[0]));
  EXPECT_TRUE(std::isnan(gelu_gradient<Avx2>(nan, nan)[0]));
}

TEST(VectorMath, BFloat16RoundsLikeTheScalarType) {
  for_each_value(-1e3, 1e3, [](float x) {
    BFloat16 stored[lanes<Avx2, float>];
    store<Avx2>(splat<Avx2>(x), stored);
    ASSERT_EQ(stored[0].bits, BFloat16(x).bits) << x;
  });
  for (const float x : {std::nanf(""), std::numeric_limits<float>::infinity(), -0.0F}) {
    BFloat16 stored[lanes<Avx2, float>];
    store<Avx2>(splat<Avx2>(x), stored);
    EXPECT_EQ(stored[7].bits, BFloat16(x).bits) << x;
  }
}

}  // namespace
}  // namespace ijepa::cpu
