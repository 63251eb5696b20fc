#include "ijepa/comm/stop_signal.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>

#include "ijepa/comm/exit_codes.hpp"
#include "tests/support/send_signal.hpp"

namespace ijepa {
namespace {

using namespace std::chrono_literals;
using test::send_signal;

/// A forked child has none of its parent's threads, so also not the one that receives signals.
class StopSignalDeathTest : public testing::Test {
 protected:
  StopSignalDeathTest() { GTEST_FLAG_SET(death_test_style, "threadsafe"); }
};

TEST(StopSignal, EverySignalOnlySetsTheFlag) {
  const auto comm = local_communicator();
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    const StopSignal stop;
    EXPECT_EQ(stop.received(), 0);
    send_signal(stop, signal);
    EXPECT_EQ(stop.received(), signal);
    EXPECT_EQ(stop.agreed(*comm), signal);
  }
}

TEST(StopSignal, RepeatedTermIsIgnoredAndTheFirstSignalCounts) {
  const StopSignal stop;
  send_signal(stop, SIGUSR1);
  for (const int signal : {SIGTERM, SIGTERM, SIGINT}) {
    ::kill(::getpid(), signal);
    std::this_thread::sleep_for(5ms);
  }
  EXPECT_EQ(stop.received(), SIGUSR1);
}

TEST(StopSignal, ContinuingAStoppedProcessStopsNoRun) {
  const StopSignal stop;
  ::kill(::getpid(), SIGCONT);
  std::this_thread::sleep_for(100ms);
  EXPECT_EQ(stop.received(), 0);
}

TEST_F(StopSignalDeathTest, ASecondInterruptExitsAtOnceWithTheDocumentedCode) {
  EXPECT_EXIT(
      {
        const StopSignal stop;
        send_signal(stop, SIGINT);
        ::kill(::getpid(), SIGINT);
        std::this_thread::sleep_for(10s);
        ::_exit(0);
      },
      testing::ExitedWithCode(exit_code::interrupted), "");
}

TEST_F(StopSignalDeathTest, WhatFollowsIsSaidWhenTheSignalComes) {
  EXPECT_EXIT(
      {
        const StopSignal stop({.heard = "heard, saving", .hurried = "hurried", .late = "late"});
        send_signal(stop, SIGTERM);
        std::this_thread::sleep_for(50ms);
        ::_exit(7);
      },
      testing::ExitedWithCode(7), "^heard, saving\n$");
}

TEST_F(StopSignalDeathTest, OnlyOneAtATimeAndWithoutOneSignalsDoWhatTheyDoToAnyProcess) {
  {
    const StopSignal stop;
    EXPECT_THROW(StopSignal(), Error);
  }
  EXPECT_EXIT(
      {
        { const StopSignal stop; }
        ::kill(::getpid(), SIGTERM);
        std::this_thread::sleep_for(10s);
        ::_exit(0);
      },
      testing::KilledBySignal(SIGTERM), "");
}

}  // namespace
}  // namespace ijepa
