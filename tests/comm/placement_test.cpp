#include "ijepa/comm/placement.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ijepa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<int> cores(int begin, int end) {
  std::vector<int> all;
  for (int c = begin; c < end; ++c) all.push_back(c);
  return all;
}

RankPlace place(const std::string& host, std::vector<int> on, const std::string& gpu = "") {
  return {host, std::move(on), gpu.empty() ? "cpu, 4 threads" : "cuda", gpu};
}

TEST(Placement, RanksOfANodeDivideTheCoresThatNobodyDivided) {
  std::vector<RankPlace> places{place("a", cores(0, 10)), place("b", cores(0, 10)),
                                place("a", cores(0, 10)), place("a", cores(0, 10))};
  EXPECT_EQ(local_rank_of(places, 3), 2);
  EXPECT_EQ(share_of_cores(places, 0, 0), cores(0, 3));
  EXPECT_EQ(share_of_cores(places, 2, 0), cores(3, 6));
  EXPECT_EQ(share_of_cores(places, 3, 0), cores(6, 10));
  EXPECT_THAT(share_of_cores(places, 1, 0), IsEmpty()) << "alone on its node";
  EXPECT_THAT(share_of_cores(places, 0, 4), IsEmpty()) << "its threads would not fit";
  places[2].cores = cores(5, 10);
  EXPECT_THAT(share_of_cores(places, 0, 0), IsEmpty()) << "the launcher has bound them";
}

TEST(Placement, MoreRanksThanCoresStayAsTheyAre) {
  const std::vector<RankPlace> places(4, place("a", cores(0, 2)));
  for (int r = 0; r < 4; ++r) EXPECT_THAT(share_of_cores(places, r, 0), IsEmpty());
}

TEST(Placement, TwoRanksOnOneGpuAreRefused) {
  EXPECT_EQ(shared_gpu_problem(
                {place("a", {}, "g0"), place("a", {}, "g1"), place("b", {}, "g0"), place("b", {})}),
            "");
  const auto problem = shared_gpu_problem(
      {place("a", {}, "g0"), place("b", {}, "g1"), place("b", {}, "g0"), place("b", {}, "g1")});
  EXPECT_THAT(problem, HasSubstr("Ranks 1 and 3 on b would use the same GPU (g1)"));
}

TEST(Placement, TheTableHasALineForAllThatAreAlike) {
  std::vector<RankPlace> places;
  for (int rank = 0; rank < 128; ++rank)
    places.push_back(place("n" + std::to_string(rank / 8), cores(rank % 8 * 4, rank % 8 * 4 + 4)));
  EXPECT_THAT(table_of(places),
              ElementsAre("ranks 0-127: 16 hosts (n0, n1, n2, n3, ... n15), cpu, 4 threads, on "
                          "cores 0-31, 4 each"));
  places[9].device = "cpu, 2 threads";
  EXPECT_THAT(table_of(places),
              ElementsAre(HasSubstr("ranks 0-7, 16-127: 15 hosts"),
                          "ranks 8, 10-15: n1, cpu, 4 threads, on cores 0-3, 8-31, 4 each",
                          "rank 9: n1, cpu, 2 threads, on cores 4-7"));
}

TEST(Placement, IsGatheredWhole) {
  const auto comm = local_communicator();
  const auto places = gather_places(*comm, place("a", {0, 7}, "GPU-1"));
  ASSERT_EQ(places.size(), 1U);
  EXPECT_EQ(places[0].host, "a");
  EXPECT_EQ(places[0].cores, (std::vector<int>{0, 7}));
  EXPECT_EQ(places[0].device, "cuda");
  EXPECT_EQ(places[0].gpu, "GPU-1");
  EXPECT_THAT(gather_places(*comm, place("a", {}))[0].cores, IsEmpty());
}

}  // namespace
}  // namespace ijepa
