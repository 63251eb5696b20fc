// Parity of one operation case on a device with the naive float64 reference.
#pragma once
#include <fmt/format.h>

#include <vector>

#include "tests/support/finding.hpp"
#include "tests/support/op_runner.hpp"
#include "tests/support/reference.hpp"

namespace ijepa::test {

/// Error allowed an element: `relative` of its own size plus `largest` of the largest element.
struct Tolerance {
  double relative, largest;
};

/// A bfloat16 result is the float32 one, rounded: half a unit in the last place is 2^-9.
inline Tolerance tolerance_of(DType stored, DType computed) {
  const double arithmetic = computed == DType::f64 ? 2e-15 : 4e-7;
  if (stored == DType::bf16) return {0x1p-8, arithmetic};
  return {arithmetic, arithmetic};
}

inline Tolerance tolerance_of(const OpCase& c, const Precision& precision, std::size_t operand,
                              const Device& device) {
  // A backward case reads what its forward stored, so bfloat16 rounding of that shows in all
  // results.
  const bool rereads = c.name.find("attention_backward") != std::string::npos ||
                       c.name.find("layer_norm_backward") != std::string::npos ||
                       c.name.find("layer_norm_forward_sum") != std::string::npos ||
                       c.name.find("linear_gelu") != std::string::npos ||
                       c.name.find("linear_backward_input_gelu") != std::string::npos;
  const DType stored = precision.type_of(c.operands[operand].kind);
  // Tensor cores take attention's weights in bfloat16: each is off by up to 2^-9 of itself.
  const bool rounds_weights = !device.memory_is_host() && stored == DType::bf16 &&
                              c.name.find("attention_forward") != std::string::npos;
  // Operands of 11 bits, and sums of up to 48 products in as many.
  if (stored == DType::f32 && c.name.find("linear") != std::string::npos &&
      device.describe().find("float16") != std::string::npos)
    return {0x1p-9, 0x1p-9 / c.tolerance};
  if ((rereads && precision.compute == DType::bf16) || rounds_weights)
    return {0x1p-7, 0x1p-8 / c.tolerance};
  return tolerance_of(stored, precision.compute);
}

/// The worst element of every result, in units of what it is allowed.
inline std::vector<Finding> op_findings(const OpCase& c, const Precision& precision,
                                        Device& device) {
  ReferenceOps reference;
  const auto values = random_operands(c, precision);
  const auto want = run_reference(c, reference, values);
  const auto got = run_case(c, precision, device, device.ops(), values);
  std::vector<Finding> findings;
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (c.operands[i].role == Role::input) continue;
    const auto t = tolerance_of(c, precision, i, device);
    double largest = 0;
    for (const double v : want[i]) largest = std::max(largest, std::abs(v));
    Finding worst{fmt::format("operand {}", i), 0, 1};
    for (std::size_t j = 0; j < got[i].size(); ++j) {
      const double allowed =
          c.tolerance * (t.relative * std::abs(want[i][j]) + t.largest * largest);
      const double d = distance(got[i][j], want[i][j]);
      const double error = d == 0 ? 0 : d / allowed;
      if (error <= worst.error) continue;
      worst.error = error;
      worst.what =
          fmt::format("operand {} element {}: {:.9g} for {:.9g}", i, j, got[i][j], want[i][j]);
    }
    findings.push_back(worst);
  }
  return findings;
}

}  // namespace ijepa::test
