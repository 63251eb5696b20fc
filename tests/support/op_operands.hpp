// Operands of operation cases: what each is for, its shape, and the element types of a way to
// train.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ijepa/device/ops.hpp"

namespace ijepa::test {

/// What an operand is for; a Precision turns it into an element type.
/// A bias is a parameter whose values the compute type holds too: a device may round it there.
enum class Kind { compute, residual, parameter, bias, working, single, index, byte, sample };
enum class Role { input, output, inout };

struct Operand {
  Kind kind;
  Role role;
  std::vector<std::int64_t> shape;
  std::vector<std::int32_t> indices = {};  // values of an index operand
  double low = -2, high = 2;               // range of random values
};

struct OpCase {
  std::string name;  // operation_variant_shape: a test name
  std::vector<Operand> operands;
  std::function<void(Ops&, const std::vector<Tensor>&)> run;
  double tolerance = 1;  // in units of the type's own tolerance
};

/// Element types of one way to train.
struct Precision {
  std::string name;
  DType compute, residual, parameter;

  DType type_of(Kind kind) const {
    switch (kind) {
      case Kind::compute:
        return compute;
      case Kind::residual:
        return residual;
      case Kind::parameter:
      case Kind::bias:
        return parameter;
      case Kind::working:
        return DType::bf16;
      case Kind::single:
        return DType::f32;
      case Kind::index:
        return DType::i32;
      case Kind::byte:
        return DType::u8;
      case Kind::sample:
        return DType::u16;
    }
    fail("An operand of unknown kind.");
  }
  /// The type whose values random operands take.
  DType values_of(Kind kind) const { return kind == Kind::bias ? compute : type_of(kind); }
};

inline std::vector<Precision> precisions() {
  return {{"float64", DType::f64, DType::f64, DType::f64},
          {"float32", DType::f32, DType::f32, DType::f32},
          {"mixed", DType::bf16, DType::f32, DType::f32},
          {"bfloat16", DType::bf16, DType::bf16, DType::f32}};
}

}  // namespace ijepa::test
