#include "ijepa/comm/stop_signal.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

namespace ijepa {
namespace {

TEST(StopSignal, EverySignalOnlySetsTheFlag) {
  const auto comm = local_communicator();
  for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2}) {
    const StopSignal stop;
    EXPECT_EQ(stop.received(), 0);
    ::raise(signal);
    EXPECT_EQ(stop.received(), signal);
    EXPECT_EQ(stop.agreed(*comm), signal);
  }
}

TEST(StopSignal, RepeatedTermIsIgnoredAndTheFirstSignalCounts) {
  const StopSignal stop;
  for (const int signal : {SIGUSR1, SIGTERM, SIGTERM, SIGINT}) ::raise(signal);
  EXPECT_EQ(stop.received(), SIGUSR1);
}

TEST(StopSignal, ASecondInterruptExitsAtOnceWithTheDocumentedCode) {
  EXPECT_EXIT(
      {
        const StopSignal stop;
        ::raise(SIGINT);
        ::raise(SIGINT);
        ::_exit(0);
      },
      testing::ExitedWithCode(exit_code::interrupted), "");
}

TEST(StopSignal, OnlyOneAtATimeAndFormerHandlersReturn) {
  struct sigaction before {
  }, after{};
  ::sigaction(SIGTERM, nullptr, &before);
  {
    const StopSignal stop;
    EXPECT_THROW(StopSignal(), Error);
  }
  ::sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

}  // namespace
}  // namespace ijepa
