// What a run says of its device before it starts.
#include "ijepa/train/run/run_start.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/device/device.hpp"
#include "ijepa/device/revision.hpp"
#include "ijepa/train/checkpoint/checkpoint_file.hpp"

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

TEST(HealthLine, SaysNothingOfFeaturesThatNobodyPredicts) {
  const Health health{.images = 64, .width = 96, .rankme = 31.5};
  const auto features = health_line(health, Predicts::features),
             pixels = health_line(health, Predicts::pixels);
  for (const auto& line : {features, pixels})
    EXPECT_TRUE(line.starts_with("health: rankme 31.5 of 64, std ")) << line;
  for (const char* of_predictions : {"gap", "loss", "zero's"}) {
    EXPECT_NE(features.find(of_predictions), std::string::npos) << features;
    EXPECT_EQ(pixels.find(of_predictions), std::string::npos) << pixels;
  }
}

TEST(OtherArithmetic, IsAlsoThatOfAnEarlierProgramOnTheSameKernels) {
  const auto comm = local_communicator();
  const auto here = arithmetic_of(*make_device({"cpu", 1}), *comm);
  CheckpointMeta meta;
  EXPECT_EQ(other_arithmetic(meta, here, "step_3"), "");
  meta.text["arithmetic"] = here;
  EXPECT_EQ(other_arithmetic(meta, here, "step_3"), "");
  const auto revision = fmt::format(", operations {}", operations_revision);
  ASSERT_TRUE(here.ends_with(revision)) << here;
  meta.text["arithmetic"] = here.substr(0, here.size() - revision.size());
  EXPECT_NE(other_arithmetic(meta, here, "step_3").find("rounds differently"), std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
