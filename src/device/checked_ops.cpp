#include "ijepa/device/checked_ops.hpp"

#include <cmath>
#include <optional>
#include <vector>

namespace ijepa {
namespace {

struct Found {
  std::int64_t at;
  double value;
};

template <class T>
std::optional<Found> first_not_finite_of(Ops& ops, const Tensor& t) {
  std::vector<T> host(static_cast<std::size_t>(t.numel()));
  ops.download(t, host.data());
  ops.synchronize();
  for (std::size_t i = 0; i < host.size(); ++i) {
    double value = 0;
    if constexpr (std::is_same_v<T, BFloat16>)
      value = static_cast<double>(static_cast<float>(host[i]));
    else
      value = static_cast<double>(host[i]);
    if (!std::isfinite(value)) return Found{static_cast<std::int64_t>(i), value};
  }
  return {};
}

std::optional<Found> first_not_finite(Ops& ops, const Tensor& t) {
  switch (t.dtype) {
    case DType::f64:
      return first_not_finite_of<double>(ops, t);
    case DType::f32:
      return first_not_finite_of<float>(ops, t);
    case DType::bf16:
      return first_not_finite_of<BFloat16>(ops, t);
    default:
      return {};
  }
}

}  // namespace

void CheckedOps::expect_finite(const Operation& operation, const char* role,
                               const Operand& operand) {
  const Tensor& t = operand.tensor;
  if (t.empty()) return;
  if (const auto found = first_not_finite(inner_, t))
    throw NotFinite(fmt::format("{}{}: the {} {}, {}, has {} at row {}, column {}.", operation.name,
                                place_, role, operand.name, describe(t), found->value,
                                found->at / t.cols(), found->at % t.cols()));
}

/// An operation without parameters is told by the layer before it.
void CheckedOps::note_layer(const Operation& operation) {
  if (!layer_of_) return;
  if (!layer_.empty()) place_ = " behind " + layer_;
  for (const Operand& operand : operation.operands) {
    const std::string layer = layer_of_(operand.tensor);
    if (layer.empty()) continue;
    layer_ = layer;
    place_ = " at " + layer;
    return;
  }
}

void CheckedOps::perform(const Operation& operation) {
  ++operations_;
  note_layer(operation);
  for (const Operand& operand : operation.operands)
    if (operand.read()) expect_finite(operation, "input", operand);
  operation.run_on(inner_);
  for (const Operand& operand : operation.operands)
    if (operand.written()) expect_finite(operation, "result", operand);
}

}  // namespace ijepa
