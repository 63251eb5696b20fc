#include "ijepa/comm/agree.hpp"

#include "ijepa/comm/stop_signal.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/send_signal.hpp"

namespace ijepa::test {
namespace {

template <class F>
std::string agreed_message(F&& f) {
  try {
    f();
  } catch (const AgreedError& e) {
    return e.what();
  }
  return {};
}

TEST(Agree, EqualValuesPass) {
  IJEPA_RANKS(1, 2, 4);
  EXPECT_NO_THROW(require_equal_on_all_ranks(ranks(), "the configuration", "a = 1"));
}

TEST(Agree, EveryRankGetsOneMessageNamingThoseThatDiffer) {
  IJEPA_RANKS(4);
  const auto message = agreed_message([] {
    require_equal_on_all_ranks(ranks(), "the shard set", ranks().rank() % 2 == 1 ? "B" : "A");
  });
  EXPECT_NE(message.find("the shard set"), std::string::npos) << message;
  EXPECT_NE(message.find("different from rank 0: 1, 3"), std::string::npos) << message;
  for (const auto& other : ranks().gather_all(message)) EXPECT_EQ(other, message);
}

TEST(Agree, ComplaintsOfSomeRanksReachAll) {
  IJEPA_RANKS(2, 4);
  const auto message = agreed_message(
      [] { require_no_problem_on_any_rank(ranks(), ranks().rank() == 1 ? "No memory." : ""); });
  EXPECT_EQ(message, "rank 1: No memory.");
  EXPECT_NO_THROW(require_no_problem_on_any_rank(ranks(), ""));
}

TEST(Agree, AnErrorOfRankZeroReachesAll) {
  IJEPA_RANKS(1, 2, 4);
  int runs = 0;
  EXPECT_NO_THROW(on_rank_0(ranks(), [&] { ++runs; }));
  EXPECT_EQ(runs, ranks().rank() == 0 ? 1 : 0);
  EXPECT_EQ(agreed_message([] { on_rank_0(ranks(), [] { fail("The disk is full."); }); }),
            "The disk is full.");
}

TEST(StopSignal, OneRanksSignalStopsAll) {
  IJEPA_RANKS(2, 4);
  const StopSignal stop;
  EXPECT_EQ(stop.agreed(ranks()), 0);
  if (ranks().rank() == 1) send_signal(stop, SIGUSR1);
  EXPECT_EQ(stop.agreed(ranks()), SIGUSR1);
}

}  // namespace
}  // namespace ijepa::test
