#include "ijepa/tasks/loop/rank_batches.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace ijepa::test {
namespace {

/// Batches of all ranks of a list.
void expect_batches(std::int64_t size, std::int64_t batch, std::int64_t ranks) {
  SCOPED_TRACE(::testing::Message() << size << " in " << batch << " on " << ranks);
  std::vector<int> seen(static_cast<std::size_t>(size));
  std::vector<std::int64_t> together;
  for (std::int64_t rank = 0; rank < ranks; ++rank) {
    const RankBatches shared(size, batch, rank, ranks);
    together.resize(static_cast<std::size_t>(shared.rounds()));
    for (std::int64_t round = 0; round < shared.rounds(); ++round) {
      const auto first = shared.first(round), count = shared.count(round);
      EXPECT_EQ(count > 0, round < shared.mine());
      if (count > 0) {
        EXPECT_EQ(first % batch, 0) << "batches are those of one rank";
      }
      for (auto i = first; i < first + count; ++i) ++seen[static_cast<std::size_t>(i)];
      together[static_cast<std::size_t>(round)] += count;
      if (rank == ranks - 1) {
        EXPECT_EQ(shared.count_of_all(round), together[static_cast<std::size_t>(round)]);
      }
    }
  }
  EXPECT_EQ(std::ranges::count(seen, 1), size);
}

TEST(RankBatches, CoverTheListOnceInBatchesThatDoNotDependOnRanks) {
  for (const std::int64_t ranks : {1, 2, 3, 4})
    for (const std::int64_t size : {0, 1, 7, 8, 9, 24, 25}) expect_batches(size, 4, ranks);
}

TEST(RankBatches, HigherRanksHaveNoneOfAShortLastRound) {
  const RankBatches first(9, 4, 0, 2), second(9, 4, 1, 2);
  EXPECT_EQ(first.rounds(), 2);
  EXPECT_EQ(second.rounds(), 2);
  EXPECT_EQ(first.mine(), 2);
  EXPECT_EQ(second.mine(), 1);
  EXPECT_EQ(first.count(1), 1);
  EXPECT_EQ(second.count(1), 0);
}

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
