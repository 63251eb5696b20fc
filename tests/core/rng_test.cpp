// The random numbers: known answers of Philox4x32-10, range and independence of the draws.
#include "ijepa/core/rng.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ijepa {
namespace {

// Known answers published with the Random123 library (kat_vectors, philox4x32 10).
TEST(Philox, KnownAnswers) {
  using Block = std::array<std::uint32_t, 4>;
  EXPECT_EQ(philox({0, 0, 0, 0}, 0), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox({~0U, ~0U, ~0U, ~0U}, ~std::uint64_t{0}),
            (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
                   (std::uint64_t{0x299f31d0} << 32) | 0xa4093822U),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Rng, IsAPureFunctionOfItsKeyAndDiffersInEveryPartOfIt) {
  const auto first = [](auto... key) { return Rng(key...).bits(); };
  const auto base = first(7, Purpose::crop, 3, 11, 2);
  EXPECT_EQ(base, first(7, Purpose::crop, 3, 11, 2));
  EXPECT_NE(base, first(8, Purpose::crop, 3, 11, 2));
  EXPECT_NE(base, first(7, Purpose::augment, 3, 11, 2));
  EXPECT_NE(base, first(7, Purpose::crop, 4, 11, 2));
  EXPECT_NE(base, first(7, Purpose::crop, 3, 12, 2));
  EXPECT_NE(base, first(7, Purpose::crop, 3, 11, 3));
}

TEST(Rng, BelowIsUniform) {
  Rng rng(1, Purpose::test);
  std::vector<int> count(7);
  constexpr int draws = 70000;
  for (int i = 0; i < draws; ++i) ++count[rng.below(7)];
  for (const int c : count) EXPECT_NEAR(c, draws / 7, 5 * 93);  // five standard deviations
}

TEST(Rng, NormalHasUnitVariance) {
  Rng rng(2, Purpose::test);
  double sum = 0, squares = 0;
  constexpr int draws = 100000;
  for (int i = 0; i < draws; ++i) {
    const double x = rng.normal();
    sum += x;
    squares += x * x;
  }
  EXPECT_NEAR(sum / draws, 0, 0.016);
  EXPECT_NEAR(squares / draws, 1, 0.023);
}

}  // namespace
}  // namespace ijepa
