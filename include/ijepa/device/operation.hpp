// Operation: one call of Ops as a wrapper sees it, whatever its parameters are: its operands and
// what is done with them, its floating-point operations, and how to hand it on.
#pragma once
#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

#include "ijepa/device/ops.hpp"

namespace ijepa {

enum class OpClass : std::uint8_t { linear, attention, layer_norm, element, token, optimizer };
constexpr std::array<OpClass, 6> op_classes{OpClass::linear,     OpClass::attention,
                                            OpClass::layer_norm, OpClass::element,
                                            OpClass::token,      OpClass::optimizer};
const char* name_of(OpClass c);

/// updates: reads, then writes.
enum class Access : std::uint8_t { reads, writes, updates };

/// An empty tensor: the operand is left out.
struct Operand {
  std::string_view name;
  Tensor tensor;
  Access access = Access::reads;
  std::int64_t touched = tensor.numel();  // elements, where not all of the tensor are

  bool read() const { return access != Access::writes; }
  bool written() const { return access != Access::reads; }
  /// Every element once, as often as it is read or written.
  double bytes() const {
    const auto times = access == Access::updates ? 2 : 1;
    return static_cast<double>(touched * times) * static_cast<double>(size_of(tensor.dtype));
  }
};

struct Operation {
  Operation(std::string_view called, OpClass of_class, double counted, std::vector<Operand> given,
            std::function<void(Ops&)> again)
      : name(called),
        kind(of_class),
        flops(counted),
        operands(std::move(given)),
        run_on(std::move(again)) {}

  std::string_view name;
  OpClass kind;
  double flops;  // multiply-adds count as two; element-wise work counts one an element and term
  std::vector<Operand> operands;
  std::function<void(Ops&)> run_on;  // the same call on another device
};

}  // namespace ijepa
