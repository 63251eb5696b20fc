#include "ijepa/core/shell.hpp"

#include <gtest/gtest.h>

#include <csignal>

namespace ijepa {
namespace {

TEST(Shell, ACommandBeginsWithNoSignalBlocked) {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
  EXPECT_EQ(first_line_of("grep SigBlk /proc/self/status"), "SigBlk:\t0000000000000000");
}

TEST(Shell, TheFirstLineOfManyIsTakenAndAFailureHasNone) {
  EXPECT_EQ(first_line_of("seq 1000000"), "1");
  EXPECT_EQ(first_line_of("cat /no/such/file"), "");
}

}  // namespace
}  // namespace ijepa
