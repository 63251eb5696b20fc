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

/// Exchanges rows and columns of a square of vectors: in step s, the off-diagonal s x s blocks.
template <class I, class C, int Step = 1>
IJEPA_INLINE void transpose(Vec<I, C> (&v)[lanes<I, C>]) {
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

/// Packs `width` columns of b (k rows), each contiguous (row stride 1), as one panel of `cols`.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_panel_transposed(const T* b, std::int64_t col_stride, std::int64_t k,
                                        std::int64_t width, std::int64_t cols, C* panel) {
  constexpr std::int64_t step = lanes<I, C>;
  std::int64_t l = 0;
  for (; l + step <= k; l += step)
    for (std::int64_t first = 0; first < cols; first += step) {
      Vec<I, C> v[step];
#pragma GCC unroll 16
      for (std::int64_t j = 0; j < step; ++j)
        v[j] = first + j < width ? load<I>(b + (first + j) * col_stride + l) : Vec<I, C>{};
      transpose<I, C>(v);
#pragma GCC unroll 16
      for (std::int64_t j = 0; j < step; ++j) store<I>(v[j], panel + (l + j) * cols + first);
    }
  for (; l < k; ++l)
    for (std::int64_t j = 0; j < cols; ++j)
      panel[l * cols + j] = j < width ? widen<C>(b[l + j * col_stride]) : C(0);
}

/// Packs `width` columns of b (k rows) as one panel of `cols`, whole vectors; missing columns
/// become zero. One of the strides is 1.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_panel(const T* b, std::int64_t row_stride, std::int64_t col_stride,
                             std::int64_t k, std::int64_t width, std::int64_t cols, C* panel) {
  constexpr std::int64_t step = lanes<I, C>;
  if (col_stride != 1) return pack_panel_transposed<I>(b, col_stride, k, width, cols, panel);
  for (std::int64_t l = 0; l < k; ++l)
    for (std::int64_t j = 0; j < cols; j += step)
      store<I>(load_up_to<I, C>(b + l * row_stride + j, width - j), panel + l * cols + j);
}

}  // namespace ijepa::cpu
