// From tensors to kernels: element types, vector width and the shape of launches.
#pragma once
#include <type_traits>

#include "ijepa/core/tensor.hpp"
#include "vector.hpp"

namespace ijepa::cuda {

template <class F>
void on_types(F&& f) {
  f();
}

/// Calls f(T0* data0, T1* data1, ...) with the tensors' types: float or BFloat16.
template <class F, class... Rest>
void on_types(F&& f, const Tensor& t, const Rest&... rest) {
  const auto bind = [&](auto* data) {
    on_types([&](auto*... more) { f(data, more...); }, rest...);
  };
  if (t.dtype == DType::f32) return bind(static_cast<float*>(t.data));
  if (t.dtype == DType::bf16) return bind(static_cast<BFloat16*>(t.data));
  fail("A {} tensor was given to the GPU, which computes in float32 and bfloat16.", describe(t));
}

/// The elements of an optional tensor, or null.
template <class T>
T* optional(const Tensor& t) {
  return t.empty() ? nullptr : t.as<T>();
}

inline bool on_vectors(const Tensor& t) {
  return reinterpret_cast<std::uintptr_t>(t.data) % 16 == 0;
}

/// Calls f(integral_constant<int, W>) with the full width if every tensor starts on 16 bytes.
template <class F, class... Tensors>
void with_width(bool possible, F&& f, const Tensors&... tensors) {
  if (possible && (on_vectors(tensors) && ...))
    f(std::integral_constant<int, vector_width>{});
  else
    f(std::integral_constant<int, 1>{});
}

inline unsigned blocks_for(std::int64_t items, std::int64_t per_block) {
  const auto blocks = (items + per_block - 1) / per_block;
  check(blocks < (std::int64_t{1} << 31), "{} elements are too many for one launch.", items);
  return static_cast<unsigned>(blocks);
}

/// Runs functor f on n elements whose operands are `tensors`.
template <class F, class... Tensors>
void run_elements(cudaStream_t stream, std::int64_t n, const F& f, const Tensors&... tensors) {
  if (n == 0) return;
  with_width(
      true,
      [&]<int W>(std::integral_constant<int, W>) {
        launch({dim3(blocks_for(n, 256 * W)), dim3(256), 0, stream}, each_element<W, F>, n, f);
      },
      tensors...);
}

/// Runs functor f on a (rows, cols) matrix whose operands, all with rows of `cols`, are `tensors`.
template <class F, class... Tensors>
void run_rows(cudaStream_t stream, std::int64_t rows, std::int64_t cols, const F& f,
              const Tensors&... tensors) {
  if (rows == 0 || cols == 0) return;
  with_width(
      cols % vector_width == 0,
      [&]<int W>(std::integral_constant<int, W>) {
        launch({dim3(blocks_for(rows, 8)), dim3(32, 8), 0, stream}, each_row<W, F>, rows, cols, f);
      },
      tensors...);
}

}  // namespace ijepa::cuda
