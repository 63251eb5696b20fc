// Pass: everything a layer needs for one pass: the device, the arena, number types, and the flat
// buffers its handles point into. The EMA target encoder is the same encoder with other buffers.
#pragma once
#include "ijepa/core/arena.hpp"
#include "ijepa/device/ops.hpp"
#include "ijepa/nn/params.hpp"

namespace ijepa {

/// Number types of a pass. Mixed precision: matrix products and GELU in `compute`, the residual
/// stream in `residual`, parameters, statistics, loss and gradients in `param`.
struct Precision {
  DType compute = DType::f32, residual = DType::f32, param = DType::f32;

  static Precision float64() { return {DType::f64, DType::f64, DType::f64}; }
  static Precision float32() { return {}; }
  static Precision bfloat16(DType residual = DType::f32) {
    return {DType::bf16, residual, DType::f32};
  }
  DType statistics() const { return param; }
  /// True when matrices have a separate copy in the compute type.
  bool has_working_copy() const { return compute != param; }
};

/// Base addresses of the flat buffers; null while measuring.
struct Weights {
  void* master = nullptr;     // param type
  void* working = nullptr;    // compute type; the same as master without mixed precision
  void* constants = nullptr;  // param type
};

struct Pass {
  Ops& ops;
  Arena& arena;
  Precision precision;
  Weights weights;
  void* gradients = nullptr;  // param type
  Write write = Write::overwrite;

  /// A weight matrix as matrix products want it, (rows, cols) compute type.
  Tensor matrix(Param p) const { return view(weights.working, precision.compute, p); }
  /// A bias, norm parameter or token, (cols) parameter type.
  Tensor vector(Param p) const { return view(weights.master, precision.param, p); }
  Tensor gradient(Param p) const { return view(gradients, precision.param, p); }
  Tensor constant(Constant c) const {
    return make_tensor(at(weights.constants, precision.param, c.offset), precision.param,
                       {c.rows, c.cols});
  }

 private:
  static void* at(void* base, DType type, std::int64_t offset) {
    if (base == nullptr) return nullptr;
    return static_cast<std::byte*>(base) + static_cast<std::size_t>(offset) * size_of(type);
  }
  static Tensor view(void* base, DType type, Param p) {
    void* data = at(base, type, p.offset);
    return p.rows == 0 ? make_tensor(data, type, {p.cols})
                       : make_tensor(data, type, {p.rows, p.cols});
  }
};

}  // namespace ijepa
