#include "ijepa/tasks/step_shares.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace ijepa::test {
namespace {

/// Shares of all ranks of 53 images in steps of 10.
void expect_all(std::int64_t micro, std::int64_t unit, std::int64_t ranks) {
  const EpochImages epoch{53, 10, micro, unit};
  EXPECT_EQ(epoch.steps(), 6);
  std::vector<int> seen(53);
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    std::int64_t steps = 0;
    for (const auto& s : step_shares(epoch, rank, ranks)) {
      EXPECT_EQ(s.step, steps);  // none is left out
      EXPECT_EQ(s.first % unit, 0);
      EXPECT_LE(s.count, micro);
      EXPECT_EQ(s.step_images, s.step == 5 ? 3 : 10);
      for (auto p = s.first; p < s.first + s.count; ++p) {
        EXPECT_EQ(p / 10, s.step);
        ++seen[static_cast<std::size_t>(p)];
      }
      steps += s.last ? 1 : 0;
    }
    EXPECT_EQ(steps, 6);
  }
  EXPECT_EQ(std::ranges::count(seen, 1), 53) << ranks;
}

TEST(StepShares, CoverEveryPositionOnceInWholeUnits) {
  for (const std::int64_t ranks : {1, 2, 3, 4}) {
    expect_all(4, 2, ranks);
    expect_all(10, 1, ranks);
  }
}

TEST(StepShares, AnIdleRankHasOneEmptyShareAStep) {
  const auto shares = step_shares({3, 3, 2, 2}, 0, 4);  // two pairs for four ranks
  ASSERT_EQ(shares.size(), 1U);
  EXPECT_EQ(shares[0].count, 0);
  EXPECT_TRUE(shares[0].last);
}

}  // namespace
}  // namespace ijepa::test
