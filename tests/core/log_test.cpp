#include "ijepa/core/log.hpp"

#include <gtest/gtest.h>

namespace ijepa {
namespace {

TEST(Log, ALineTakesTheLiveLineAwayOnce) {
  testing::internal::CaptureStderr();
  const Log log;
  write_to_stderr("3 of 9 images");
  log.info("epoch 1");
  log.info("epoch 2");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "3 of 9 images\r\x1b[Kepoch 1\nepoch 2\n");
}

TEST(Log, ALiveLineThatIsOverStaysWhereItIs) {
  testing::internal::CaptureStderr();
  write_to_stderr("9 of 9 images");
  end_live_line();
  end_live_line();
  Log().info("epoch 1");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "9 of 9 images\nepoch 1\n");
}

}  // namespace
}  // namespace ijepa
