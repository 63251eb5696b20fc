// What a run says of its device before it starts.
#include "ijepa/train/run/run_start.hpp"

#include <gtest/gtest.h>

namespace ijepa::test {
namespace {

TEST(SlowBfloat16, IsToldWithBothRates) {
  const std::string warning = slow_bfloat16(152.4, 76.1);
  EXPECT_NE(warning.find("at 76 GFLOP/s in bfloat16 and at 152 in float32"), std::string::npos)
      << warning;
}

TEST(SlowBfloat16, IsNotToldWhereItIsFasterOrAsFast) {
  EXPECT_EQ(slow_bfloat16(100, 180), "");
  EXPECT_EQ(slow_bfloat16(105, 100), "");
}

}  // namespace
}  // namespace ijepa::test
