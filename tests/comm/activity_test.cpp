#include "ijepa/comm/activity.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "ijepa/comm/stop_signal.hpp"
#include "tests/support/send_signal.hpp"

namespace ijepa {
namespace {

TEST(Activity, TellsPhaseStepAndThatItGetsOn) {
  Activity activity;
  const RankState before = activity.look();
  EXPECT_EQ(before.phase, Phase::starting);
  activity.enter(Phase::saving, 12);
  const RankState after = activity.look();
  EXPECT_EQ(after.phase, Phase::saving);
  EXPECT_EQ(name_of(after.phase), "save");
  EXPECT_EQ(after.step, 12);
  EXPECT_LT(after.phase_seconds, 60);
  EXPECT_NE(after.progress, before.progress);
  EXPECT_EQ(activity.look().progress, after.progress) << "looking is no progress";
  activity.count_call();
  EXPECT_EQ(activity.look().calls, after.calls + 1);
  EXPECT_NE(activity.look().progress, after.progress);
}

TEST(Activity, CountsTheProgressOfOthersWhileTheyLive) {
  Activity activity;
  const auto own = activity.look().progress;
  {
    const Activity::Progress images(activity, [] { return std::uint64_t{5}; });
    EXPECT_EQ(activity.look().progress, own + 5);
    auto bytes = std::make_unique<Activity::Progress>(activity, [] { return std::uint64_t{7}; });
    EXPECT_EQ(activity.look().progress, own + 12) << "both of them";
    const Activity::Progress rows(activity, [] { return std::uint64_t{30}; });
    bytes.reset();
    EXPECT_EQ(activity.look().progress, own + 35) << "the one in the middle has ended";
  }
  EXPECT_EQ(activity.look().progress, own);
}

TEST(Activity, KnowsASignalThatIsNotYetObeyed) {
  const Activity activity;
  {
    const StopSignal stop;
    EXPECT_FALSE(activity.look().stopping);
    test::send_signal(stop, SIGUSR1);
    EXPECT_TRUE(activity.look().stopping);
  }
  EXPECT_FALSE(activity.look().stopping) << "nobody listens any more";
}

}  // namespace
}  // namespace ijepa
