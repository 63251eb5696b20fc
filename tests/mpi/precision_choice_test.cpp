#include "ijepa/train/fit/precision_choice.hpp"

#include <gtest/gtest.h>

#include "ijepa/core/error.hpp"
#include "tests/mpi/ranks.hpp"

namespace ijepa::test {
namespace {

TEST(ChosenOnRank0, IsTheTypeOfAllRanks) {
  IJEPA_RANKS(1, 2, 4);
  for (const DType type : {DType::bf16, DType::f32, DType::f64}) {
    const auto other = type == DType::f32 ? DType::bf16 : DType::f32;
    const auto chosen = chosen_on_rank_0(ranks(), [&]() -> ChosenPrecision {
      return {ranks().rank() == 0 ? type : other, "as asked"};
    });
    EXPECT_EQ(chosen.type, type);
    EXPECT_EQ(chosen.reason, ranks().rank() == 0 ? "as asked" : "");
  }
}

TEST(ChosenOnRank0, OrNobodyHasOne) {
  IJEPA_RANKS(1, 2, 4);
  const auto fail = []() -> ChosenPrecision { throw Error("No settings."); };
  EXPECT_THROW(chosen_on_rank_0(ranks(), fail), AgreedError);
}

}  // namespace
}  // namespace ijepa::test
