// Every operation case on every device in every precision against the naive double reference.
#include <gtest/gtest.h>

#include "tests/support/devices.hpp"
#include "tests/support/op_runner.hpp"
#include "tests/support/reference.hpp"

namespace ijepa::test {
namespace {

/// Error allowed an element: `relative` of its own size plus `largest` of the largest element.
struct Tolerance {
  double relative, largest;
};

/// A bfloat16 result is the float32 one, rounded: half a unit in the last place is 2^-9.
Tolerance tolerance_of(DType stored, DType computed) {
  const double arithmetic = computed == DType::f64 ? 2e-15 : 4e-7;
  if (stored == DType::bf16) return {0x1p-8, arithmetic};
  return {arithmetic, arithmetic};
}

void expect_close(const OpCase& c, const Precision& precision, const DeviceOptions& device,
                  const std::vector<Values>& got, const std::vector<Values>& want) {
  // A backward case reads what its forward stored, so bfloat16 rounding of that shows in all
  // results.
  const bool rereads = c.name.find("attention_backward") != std::string::npos ||
                       c.name.find("layer_norm_backward") != std::string::npos ||
                       c.name.find("linear_gelu") != std::string::npos ||
                       c.name.find("linear_residual") != std::string::npos;
  const bool coarse = rereads && precision.compute == DType::bf16;
  // Tensor cores take attention's weights in bfloat16: each is off by up to 2^-9 of itself.
  const bool rounds_weights =
      device.name != "cpu" && c.name.find("attention_forward") != std::string::npos;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (c.operands[i].role == Role::input) continue;
    auto t = tolerance_of(precision.type_of(c.operands[i].kind), precision.compute);
    const bool stored_short = precision.type_of(c.operands[i].kind) == DType::bf16;
    if (coarse || (rounds_weights && stored_short)) t = {0x1p-7, 0x1p-8 / c.tolerance};
    double largest = 0;
    for (const double v : want[i]) largest = std::max(largest, std::abs(v));
    for (std::size_t j = 0; j < got[i].size(); ++j)
      ASSERT_NEAR(got[i][j], want[i][j],
                  c.tolerance * (t.relative * std::abs(want[i][j]) + t.largest * largest))
          << c.name << " in " << precision.name << ", operand " << i << ", element " << j;
  }
}

class OpsParity : public testing::TestWithParam<DeviceOptions> {};

TEST_P(OpsParity, EveryOperationMatchesTheReference) {
  const auto device = make_device(GetParam());
  ReferenceOps reference;
  for (const auto& c : op_cases())
    for (const auto& precision : precisions()) {
      if (!computes(GetParam(), precision.compute)) continue;
      const auto values = random_operands(c, precision);
      const auto want = run_reference(c, reference, values);
      expect_close(c, precision, GetParam(), run_case(c, precision, *device, device->ops(), values),
                   want);
      if (HasFatalFailure()) return;
    }
}

INSTANTIATE_TEST_SUITE_P(Devices, OpsParity, testing::ValuesIn(available_devices()),
                         [](const auto& param) { return test_name(param.param); });

}  // namespace
}  // namespace ijepa::test
