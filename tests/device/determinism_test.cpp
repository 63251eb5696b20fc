// Sums are cut the same way whatever the number of threads: one thread and several, bit for bit.
#include <gtest/gtest.h>

#include "tests/support/devices.hpp"
#include "tests/support/op_runner.hpp"

namespace ijepa::test {
namespace {

TEST(Determinism, ThreadCountsGiveTheSameBits) {
  for (const auto& kernels : all_kernels()) {
    const auto one = make_device({"cpu", 1, kernels}), three = make_device({"cpu", 3, kernels});
    for (const auto& c : op_cases())
      for (const auto& precision : precisions()) {
        const auto values = random_operands(c, precision);
        EXPECT_EQ(run_case(c, precision, *one, one->ops(), values),
                  run_case(c, precision, *three, three->ops(), values))
            << c.name << " in " << precision.name << " with " << kernels;
      }
  }
}

}  // namespace
}  // namespace ijepa::test
