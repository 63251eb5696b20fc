// Element types of CPU kernels: conversions, the type arithmetic is done in, and the one place
// where a Tensor's run-time type becomes a compile-time one.
#pragma once
#include <type_traits>

#include "ijepa/core/tensor.hpp"

namespace ijepa::cpu {

template <class To, class From>
To convert(From x) {
  if constexpr (std::is_same_v<To, From>)
    return x;
  else if constexpr (std::is_same_v<From, BFloat16>)
    return static_cast<To>(static_cast<float>(x));
  else if constexpr (std::is_same_v<To, BFloat16>)
    return BFloat16(static_cast<float>(x));
  else
    return static_cast<To>(x);
}

/// What sums of these operands are made in: double if any of them is, else float.
template <class... T>
using Wide = std::conditional_t<(std::is_same_v<T, double> || ...), double, float>;

/// Statistics and parameters of a compute type: double for double, else float.
constexpr DType parameter_type(DType compute) {
  return compute == DType::f64 ? DType::f64 : DType::f32;
}

template <class F>
void on_floats(F&& f) {
  f();
}

/// Calls f(T0* data0, T1* data1, ...) with the floating types of the tensors.
template <class F, class... Rest>
void on_floats(F&& f, const Tensor& t, const Rest&... rest) {
  const auto bind = [&]<class T>(T* data) {
    on_floats([&](auto*... more) { f(data, more...); }, rest...);
  };
  switch (t.dtype) {
    case DType::f64:
      return bind(static_cast<double*>(t.data));
    case DType::f32:
      return bind(static_cast<float*>(t.data));
    case DType::bf16:
      return bind(static_cast<BFloat16*>(t.data));
    default:
      fail("A {} tensor was given where a floating type is needed.", describe(t));
  }
}

/// Calls f(T* data) for a tensor of parameters or statistics: double or float.
template <class F>
void on_parameters(const Tensor& t, F&& f) {
  t.dtype == DType::f64 ? f(t.as<double>()) : f(t.as<float>());
}

/// The elements of an optional tensor, or null.
template <class T>
T* optional(const Tensor& t) {
  return t.empty() ? nullptr : t.as<T>();
}

}  // namespace ijepa::cpu
