// Whole jobs of many ranks, whose datagrams arrive at once or not at all.
#include "src/comm/roll_call.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace ijepa {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

class SimulatedJob {
 public:
  explicit SimulatedJob(int ranks) : states_(static_cast<std::size_t>(ranks)) {
    for (int r = 0; r < ranks; ++r) ranks_.emplace_back(r, ranks, 0.0);
    limits_.silence = 10;
    limits_.standstill = 100;
    limits_.notice = 30;
  }

  void stop(const std::vector<int>& ranks) { stopped_.insert(ranks.begin(), ranks.end()); }
  void go_on(int rank) { stopped_.erase(rank); }
  void block(int from, int to) { blocked_.insert({from, to}); }
  RankState& state(int rank) { return states_[static_cast<std::size_t>(rank)]; }
  RollCall& rank(int r) { return ranks_[static_cast<std::size_t>(r)]; }
  WatchLimits& limits() { return limits_; }
  double now() const { return now_; }
  std::int64_t most_messages() const { return most_messages_; }

  /// Second by second, with `each` done before; the first verdict of any rank, and whose it is.
  struct Found {
    int reporter = -1;
    Verdict verdict;
  };
  Found run(
      int seconds, const std::function<void()>& each = [] {}) {
    for (int s = 0; s < seconds; ++s) {
      now_ += 1;
      each();
      std::int64_t messages = 0;
      for (std::size_t r = 0; r < ranks_.size(); ++r)
        if (!stopped_.contains(static_cast<int>(r))) messages += beat(static_cast<int>(r));
      most_messages_ = std::max(most_messages_, messages);
      for (std::size_t r = 0; r < ranks_.size(); ++r) {
        if (stopped_.contains(static_cast<int>(r))) continue;
        const Verdict verdict = ranks_[r].judge(now_, limits_);
        if (verdict.kind != Verdict::Kind::none) return {static_cast<int>(r), verdict};
      }
    }
    return {};
  }

  void leave(int rank) {
    for (int to = 0; to < static_cast<int>(ranks_.size()); ++to)
      if (to != rank) send(Beat::Kind::leaves, rank, to);
    stop({rank});
  }

 private:
  std::int64_t beat(int from) {
    const auto to = rank(from).beat(now_, state(from));
    for (const int r : to) send(Beat::Kind::beat, from, r);
    return static_cast<std::int64_t>(to.size());
  }
  void send(Beat::Kind kind, int from, int to) {
    if (stopped_.contains(to) || blocked_.contains({from, to})) return;
    const Beat beat{.token = 0,
                    .kind = kind,
                    .from = from,
                    .to = to,
                    .leader = rank(from).leader_told(now_),
                    .code = 0,
                    .interval = 1,
                    .state = state(from)};
    if (rank(to).hear(beat, now_)) send(Beat::Kind::answer, to, from);
  }

  double now_ = 0;
  std::vector<RollCall> ranks_;
  std::vector<RankState> states_;
  std::set<int> stopped_;
  std::set<std::pair<int, int>> blocked_;
  WatchLimits limits_;
  std::int64_t most_messages_ = 0;
};

void all_get_on(SimulatedJob& job, int ranks) {
  for (int r = 0; r < ranks; ++r) {
    ++job.state(r).progress;
    ++job.state(r).calls;
  }
}

TEST(RollCall, NothingIsSaidOfAJobThatGetsOn) {
  constexpr int ranks = 128;
  SimulatedJob job(ranks);
  EXPECT_EQ(job.run(1000, [&] { all_get_on(job, ranks); }).reporter, -1);
  EXPECT_LE(job.most_messages(), ranks);
}

TEST(RollCall, TheLowestRankThatAnswersNamesTheSilent) {
  constexpr int ranks = 8;
  for (const auto& stopped : std::vector<std::vector<int>>{{3}, {0}, {7}, {0, 1}, {0, 5}, {2, 6}}) {
    SimulatedJob job(ranks);
    job.run(5, [&] { all_get_on(job, ranks); });
    job.stop(stopped);
    const auto found = job.run(60);
    int lowest = 0;
    while (std::count(stopped.begin(), stopped.end(), lowest) > 0) ++lowest;
    EXPECT_EQ(found.reporter, lowest);
    EXPECT_EQ(found.verdict.kind, Verdict::Kind::silence);
    EXPECT_EQ(found.verdict.late, stopped);
    EXPECT_LE(job.now(), 5 + 10 + 5) << "soon after the limit";
  }
}

TEST(RollCall, EightDeadNodesAreFoundWithoutASquareOfMessages) {
  constexpr int ranks = 128;
  SimulatedJob job(ranks);
  job.run(5, [&] { all_get_on(job, ranks); });
  std::vector<int> dead;
  for (int r = 0; r < 64; ++r) dead.push_back(r);
  job.stop(dead);
  const auto found = job.run(200);
  EXPECT_EQ(found.reporter, 64);
  EXPECT_EQ(found.verdict.late, dead);
  EXPECT_LE(job.most_messages(), 10 * ranks);
}

TEST(RollCall, ARankThatComesBackLeadsAgainAndNobodyIsBlamed) {
  constexpr int ranks = 4;
  SimulatedJob job(ranks);
  job.run(5);
  job.stop({0});
  EXPECT_EQ(job.run(8).reporter, -1) << "within the limit";
  EXPECT_EQ(job.rank(3).leader(), 1);
  job.go_on(0);
  EXPECT_EQ(job.run(60).reporter, -1);
  for (int r = 0; r < ranks; ++r) EXPECT_EQ(job.rank(r).leader(), 0);
}

TEST(RollCall, AProcessThatWasPausedBlamesNobodyForIt) {
  SimulatedJob job(2);
  job.run(5);
  job.stop({0, 1});  // the whole machine
  job.run(100);
  job.go_on(0);
  job.go_on(1);
  EXPECT_EQ(job.run(50).reporter, -1);
}

TEST(RollCall, WhoLeavesInPeaceIsNotMissed) {
  constexpr int ranks = 4;
  for (const int leaver : {0, 2}) {
    SimulatedJob job(ranks);
    job.run(5);
    job.leave(leaver);
    EXPECT_EQ(job.run(90).reporter, -1) << leaver;
  }
}

TEST(RollCall, WhoWasNeverHeardIsToldOnceAndNotBlamed) {
  SimulatedJob job(3);
  job.block(2, 0);
  job.block(2, 1);
  EXPECT_EQ(job.run(90).reporter, -1);
  EXPECT_THAT(job.rank(0).never_heard(job.now(), 30), ElementsAre(2));
  EXPECT_THAT(job.rank(0).never_heard(job.now(), 30), IsEmpty());
}

TEST(RollCall, AStandstillIsJudgedByTheLastToGetOnAndBlamesWhomTheOthersWaitFor) {
  constexpr int ranks = 4;
  SimulatedJob job(ranks);
  job.run(5, [&] { all_get_on(job, ranks); });
  for (const int r : {0, 1, 3}) ++job.state(r).calls;
  EXPECT_EQ(job.run(500, [&] { ++job.state(2).progress; }).reporter, -1) << "slow is not stuck";
  const auto found = job.run(150);
  EXPECT_EQ(found.reporter, 0);
  EXPECT_EQ(found.verdict.kind, Verdict::Kind::standstill);
  EXPECT_THAT(found.verdict.late, ElementsAre(2));
}

TEST(RollCall, AfterASignalAStandstillIsBorneForTheGraceOnly) {
  constexpr int ranks = 4;
  SimulatedJob job(ranks);
  job.limits().stop_grace = 20;
  job.run(5, [&] { all_get_on(job, ranks); });
  for (const int r : {0, 2, 3}) ++job.state(r).calls;
  job.state(3).stopping = true;
  EXPECT_EQ(job.run(50, [&] { ++job.state(1).progress; }).reporter, -1)
      << "a long step is no fault";
  const double stuck = job.now();
  const auto found = job.run(100);
  EXPECT_EQ(found.verdict.kind, Verdict::Kind::disobedience);
  EXPECT_THAT(found.verdict.late, ElementsAre(1));
  EXPECT_LE(job.now(), stuck + 20 + 3);
}

TEST(RollCall, LimitsOfZeroAreOff) {
  SimulatedJob job(2);
  job.limits().silence = job.limits().standstill = 0;
  job.run(5);
  job.stop({1});
  EXPECT_EQ(job.run(10'000).reporter, -1);
}

TEST(RollCall, RanksThatOthersWaitForAreNamedMoreAndMoreSeldom) {
  constexpr int ranks = 3;
  SimulatedJob job(ranks);
  job.limits().standstill = 0;
  job.run(5, [&] { all_get_on(job, ranks); });
  ++job.state(0).calls;
  ++job.state(2).calls;
  std::vector<double> times;
  job.run(300, [&] {
    if (const auto wait = job.rank(0).waiting(job.now(), 30)) {
      times.push_back(wait->seconds);
      EXPECT_THAT(wait->late, ElementsAre(1));
    }
  });
  EXPECT_THAT(times, testing::SizeIs(4));
  ++job.state(1).calls;
  job.run(100, [&] { EXPECT_FALSE(job.rank(0).waiting(job.now(), 30)) << "all wait alike"; });
}

TEST(RollCall, WritesRanksAsRanges) {
  EXPECT_EQ(rank_ranges({3, 5, 6, 7, 12}), "3, 5-7, 12");
  EXPECT_EQ(rank_ranges({}), "");
}

}  // namespace
}  // namespace ijepa
