// Every operation case on every device in every precision against the naive double reference.
#include <gtest/gtest.h>

#include "tests/support/devices.hpp"
#include "tests/support/op_parity.hpp"

namespace ijepa::test {
namespace {

class OpsParity : public testing::TestWithParam<DeviceOptions> {};

TEST_P(OpsParity, EveryOperationMatchesTheReference) {
  const auto device = make_device(GetParam());
  for (const auto& c : op_cases())
    for (const auto& precision : precisions()) {
      if (!computes(GetParam(), precision.compute)) continue;
      for (const auto& f : op_findings(c, precision, *device))
        EXPECT_TRUE(f.passed()) << c.name << " in " << precision.name << ", " << f.what << ": "
                                << f.error << " times what is allowed";
    }
}

/// Without this, a parameter that device and reference both forget would pass.
TEST(Reference, EveryParameterOfAdamWHasItsEffect) {
  const auto result = [](const OpCase& c) {
    ReferenceOps reference;
    return run_reference(c, reference, random_operands(c, precisions().front()));
  };
  const auto usual = result(table::adamw_case("usual", 1, table::third_step()));
  for (const auto& c : table::changed_adamw_steps()) EXPECT_NE(result(c), usual) << c.name;
}

std::vector<DeviceOptions> all_devices() {
  auto devices = available_devices();
#ifndef IJEPA_TEST_DEVICE
  for (const auto& kernels : float16_kernels())
    devices.push_back({.name = "cpu", .threads = 2, .cpu_kernels = kernels});
#endif
  return devices;
}

INSTANTIATE_TEST_SUITE_P(Devices, OpsParity, testing::ValuesIn(all_devices()),
                         [](const auto& param) { return test_name(param.param); });

}  // namespace
}  // namespace ijepa::test
