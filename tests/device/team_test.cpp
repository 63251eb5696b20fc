// The threads that compute together: every piece once, exceptions, callers side by side.
#include "src/device/cpu/team.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <numeric>
#include <set>
#include <stdexcept>
#include <thread>

namespace ijepa::cpu {
namespace {

TEST(Team, DoesEveryPieceOnceOnAThreadOfItsOwn) {
  Team team;
  for (const std::int64_t n : {1, 3, 2, 8, 5}) {
    std::vector<int> done(static_cast<std::size_t>(n));
    std::vector<std::thread::id> threads(done.size());
    team.run(n, [&](std::int64_t piece) {
      ++done[static_cast<std::size_t>(piece)];
      threads[static_cast<std::size_t>(piece)] = std::this_thread::get_id();
    });
    EXPECT_EQ(done, std::vector<int>(done.size(), 1));
    EXPECT_EQ(std::set(threads.begin(), threads.end()).size(), done.size());
    EXPECT_EQ(threads[0], std::this_thread::get_id());
  }
}

TEST(Team, ManyShortPiecesAndPausesBetweenThemLoseNone) {
  Team team;
  std::vector<std::int64_t> sums(4);
  constexpr int rounds = 2000;
  for (int round = 0; round < rounds; ++round) {
    team.run(4, [&](std::int64_t piece) { sums[static_cast<std::size_t>(piece)] += round; });
    // Long enough for all to fall asleep.
    if (round % 200 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_EQ(sums, std::vector<std::int64_t>(4, std::int64_t{rounds} * (rounds - 1) / 2));
}

TEST(Team, AnExceptionComesOutOnceAllPiecesHaveEnded) {
  Team team;
  for (const std::int64_t bad : {0, 2}) {
    std::atomic<int> ended{0};
    EXPECT_THROW(team.run(4,
                          [&](std::int64_t piece) {
                            if (piece == bad) throw std::runtime_error("piece");
                            ++ended;
                          }),
                 std::runtime_error);
    EXPECT_EQ(ended, 3);
  }
  int pieces = 0;
  team.run(1, [&](std::int64_t) { ++pieces; });
  EXPECT_EQ(pieces, 1) << "it works on";
}

TEST(Team, CallersHaveTheirOwn) {
  std::atomic<int> done{0};
  std::vector<std::jthread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([&] {
      for (int round = 0; round < 500; ++round) Team::own().run(3, [&](std::int64_t) { ++done; });
    });
  callers.clear();
  EXPECT_EQ(done, 4 * 500 * 3);
}

}  // namespace
}  // namespace ijepa::cpu
