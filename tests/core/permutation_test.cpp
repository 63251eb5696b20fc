#include "ijepa/core/permutation.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace ijepa {
namespace {

TEST(Permutation, HitsEveryPlaceOnce) {
  for (const std::uint64_t n : {1U, 2U, 3U, 7U, 16U, 33U, 1000U, 65537U}) {
    const Permutation permutation(n, 5, Purpose::test);
    std::vector<bool> hit(n);
    for (std::uint64_t i = 0; i < n; ++i) {
      const auto place = permutation(i);
      ASSERT_LT(place, n);
      ASSERT_FALSE(hit[place]);
      hit[place] = true;
    }
  }
}

TEST(Permutation, DependsOnSeedPurposeEpochAndStream) {
  const Permutation base(1000, 1, Purpose::test, 0);
  const std::vector<Permutation> others{
      Permutation(1000, 2, Purpose::test, 0), Permutation(1000, 1, Purpose::order, 0),
      Permutation(1000, 1, Purpose::test, 1), Permutation(1000, 1, Purpose::test, 0, 1)};
  for (const auto& other : others) {
    int same = 0;
    for (std::uint64_t i = 0; i < 1000; ++i) same += base(i) == other(i);
    EXPECT_LT(same, 12);  // one expected; twelve has a probability below 1e-9
  }
}

TEST(Permutation, FindIsTheInverse) {
  for (const std::uint64_t n : {1U, 2U, 3U, 100U, 4097U}) {
    const Permutation permutation(n, 5, Purpose::test, 1, 3);
    for (std::uint64_t i = 0; i < n; ++i) ASSERT_EQ(permutation.find(permutation(i)), i);
  }
}

// Over seeds, each element lands everywhere equally often: chi-square of 8 x 8 cells, 49 degrees of
// freedom, mean 49, standard deviation 9.9.
TEST(Permutation, IsUniform) {
  std::vector<std::vector<int>> count(8, std::vector<int>(8));
  const int trials = 8000;
  for (int seed = 0; seed < trials; ++seed) {
    const Permutation permutation(8, static_cast<std::uint64_t>(seed), Purpose::test);
    for (std::uint64_t i = 0; i < 8; ++i) ++count[i][permutation(i)];
  }
  double chi_square = 0;
  for (const auto& row : count)
    for (const int c : row) chi_square += (c - trials / 8.0) * (c - trials / 8.0) / (trials / 8.0);
  EXPECT_LT(chi_square, 49 + 5 * 9.9);
}

}  // namespace
}  // namespace ijepa
