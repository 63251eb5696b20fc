// What matrix products of linear layers and of attention share: the type sums are made in, the
// transposition of a square of vectors, and panels of b packed for reading row by row.
#pragma once
#include <utility>

#include "simd.hpp"

namespace ijepa::cpu {

/// What products of T are added up in: double for double, else float.
template <class T>
struct AccumulatorOf {
  using type = float;
};
template <>
struct AccumulatorOf<double> {
  using type = double;
};
template <class T>
using Accumulator = typename AccumulatorOf<T>::type;

/// Exchanges rows and columns of a square of lanes<I, C> vectors: in step s, the off-diagonal s x s
/// blocks.
template <class I, class C, int Step = 1>
IJEPA_INLINE void transpose(Vec<I, C>* v) {
  constexpr int n = lanes<I, C>;
  if constexpr (Step < n) {
    [&]<int... L>(std::integer_sequence<int, L...>) __attribute__((always_inline)) {
      for (int i = 0; i < n; ++i) {
        if ((i & Step) != 0) continue;
        const auto a = v[i], b = v[i + Step];
        v[i] = __builtin_shufflevector(a, b, ((L & Step) != 0 ? n + L - Step : L)...);
        v[i + Step] = __builtin_shufflevector(a, b, ((L & Step) != 0 ? n + L : L + Step)...);
      }
    }
    (std::make_integer_sequence<int, n>{});
    transpose<I, C, 2 * Step>(v);
  }
}

/// y (n, lanes) = factor x^T of rows of x (rows, n); columns of y past them become zero. lanes is
/// in whole vectors.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void transpose_rows(const T* x, std::int64_t stride, std::int64_t rows, std::int64_t n,
                                 C factor, std::int64_t y_lanes, C* y) {
  constexpr std::int64_t step = lanes<I, C>;
  std::int64_t j = 0;
  for (; j + step <= n; j += step)
    for (std::int64_t i = 0; i < y_lanes; i += step) {
      Vec<I, C> v[step];
#pragma GCC unroll 16
      for (std::int64_t r = 0; r < step; ++r)
        v[r] = i + r < rows ? load<I>(x + (i + r) * stride + j) : Vec<I, C>{};
      transpose<I, C>(v);
#pragma GCC unroll 16
      for (std::int64_t r = 0; r < step; ++r)
        store<I>(Vec<I, C>(v[r] * factor), y + (j + r) * y_lanes + i);
    }
  for (; j < n; ++j)
    for (std::int64_t i = 0; i < y_lanes; ++i)
      y[j * y_lanes + i] = i < rows ? widen<C>(x[i * stride + j]) * factor : C(0);
}

/// Packs `width` columns of b (k rows) as one panel of `cols`, whole vectors; missing columns
/// become zero. One of the strides is 1.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_panel(const T* b, std::int64_t row_stride, std::int64_t col_stride,
                             std::int64_t k, std::int64_t width, std::int64_t cols, C* panel) {
  constexpr std::int64_t step = lanes<I, C>;
  if (col_stride != 1) return transpose_rows<I, T>(b, col_stride, width, k, C(1), cols, panel);
  for (std::int64_t l = 0; l < k; ++l)
    for (std::int64_t j = 0; j < cols; j += step)
      store<I>(load_up_to<I, C>(b + l * row_stride + j, width - j), panel + l * cols + j);
}

}  // namespace ijepa::cpu
