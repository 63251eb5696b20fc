// Register tiles of a matrix product: panels of b packed two vectors wide, tile_rows rows of a.
// Linear layers and attention are made of these.
#pragma once
#include <utility>

#include "simd.hpp"

namespace ijepa::cpu {

/// Columns of a packed panel of b.
template <class I, class C>
constexpr std::int64_t panel_cols = 2 * lanes<I, C>;

/// Rows of a, ready for the register tile: the tile at row i (a multiple of tile_rows) starts at
/// i * tile_stride.
template <class C>
struct Rows {
  const C* data;
  std::int64_t tile_stride, row_stride, col_stride;
};

/// acc (Count rows) += a (Count, k) times one packed panel (k, 2 vectors).
template <class I, int Count, class C>
IJEPA_INLINE void add_product(std::int64_t k, const C* a, std::int64_t row_stride,
                              std::int64_t col_stride, const C* panel, Vec<I, C> (&acc)[Count][2]) {
  for (std::int64_t l = 0; l < k; ++l) {
    const auto b0 = load<I>(panel), b1 = load<I>(panel + lanes<I, C>);
#pragma GCC unroll 16
    for (int r = 0; r < Count; ++r) {
      const auto s = splat<I>(a[r * row_stride]);
      acc[r][0] += s * b0;
      acc[r][1] += s * b1;
    }
    a += col_stride;
    panel += panel_cols<I, C>;
  }
}

/// Walks `rows` in register tiles of Most, then Most / 2, ... rows: f.operator()<Count>(first row).
template <int Most, class F>
IJEPA_INLINE void for_each_row_tile(std::int64_t begin, std::int64_t end, F&& f) {
  for (; begin + Most <= end; begin += Most) f.template operator()<Most>(begin);
  if constexpr (Most > 1) for_each_row_tile<Most / 2>(begin, end, f);
}

/// Every register tile of rows x one panel of `width` columns: start(row, vectors) fills the
/// accumulators of a row, the product is added, finish(row, vectors) takes them.
template <class I, class C, class Start, class Finish>
IJEPA_INLINE void multiply_panel(std::int64_t rows, std::int64_t k, const Rows<C>& a,
                                 const C* panel, Start&& start, Finish&& finish) {
  for_each_row_tile<I::tile_rows>(0, rows, [&]<int Count>(std::int64_t i) {
    Vec<I, C> acc[Count][2];
#pragma GCC unroll 16
    for (int r = 0; r < Count; ++r) start(i + r, acc[r]);
    const C* first =
        a.data + i / I::tile_rows * I::tile_rows * a.tile_stride + i % I::tile_rows * a.row_stride;
    add_product<I, Count>(k, first, a.row_stride, a.col_stride, panel, acc);
#pragma GCC unroll 16
    for (int r = 0; r < Count; ++r) finish(i + r, acc[r]);
  });
}

template <class I, class C, class T>
IJEPA_INLINE void load_pair(const T* p, std::int64_t width, Vec<I, C> (&v)[2]) {
  constexpr std::int64_t n = lanes<I, C>;
  if (width >= 2 * n) {
    v[0] = load<I>(p);
    v[1] = load<I>(p + n);
  } else {
    v[0] = load_some<I>(p, width < n ? width : n);
    v[1] = width > n ? load_some<I>(p + n, width - n) : Vec<I, C>{};
  }
}

template <class I, class C, class T>
IJEPA_INLINE void store_pair(const Vec<I, C> (&v)[2], std::int64_t width, T* p) {
  constexpr std::int64_t n = lanes<I, C>;
  if (width >= 2 * n) {
    store<I>(v[0], p);
    store<I>(v[1], p + n);
  } else {
    store_some<I>(v[0], p, width < n ? width : n);
    if (width > n) store_some<I>(v[1], p + n, width - n);
  }
}

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

/// Packs `width` columns of b (k rows), each contiguous (row stride 1), as one panel.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_panel_transposed(const T* b, std::int64_t col_stride, std::int64_t k,
                                        std::int64_t width, C* panel) {
  constexpr std::int64_t n = panel_cols<I, C>, step = lanes<I, C>;
  std::int64_t l = 0;
  for (; l + step <= k; l += step)
    for (std::int64_t half = 0; half < n; half += step) {
      Vec<I, C> v[step];
#pragma GCC unroll 16
      for (std::int64_t j = 0; j < step; ++j)
        v[j] = half + j < width ? load<I>(b + (half + j) * col_stride + l) : Vec<I, C>{};
      transpose<I, C>(v);
#pragma GCC unroll 16
      for (std::int64_t j = 0; j < step; ++j) store<I>(v[j], panel + (l + j) * n + half);
    }
  for (; l < k; ++l)
    for (std::int64_t j = 0; j < n; ++j)
      panel[l * n + j] = j < width ? widen<C>(b[l + j * col_stride]) : C(0);
}

/// Packs `width` columns of b (k rows) as one panel; missing columns become zero. One of the
/// strides is 1.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_panel(const T* b, std::int64_t row_stride, std::int64_t col_stride,
                             std::int64_t k, std::int64_t width, C* panel) {
  constexpr std::int64_t n = panel_cols<I, C>;
  if (col_stride != 1) return pack_panel_transposed<I>(b, col_stride, k, width, panel);
  for (std::int64_t l = 0; l < k; ++l) {
    Vec<I, C> v[2];
    load_pair<I, C>(b + l * row_stride, width, v);
    store_pair<I, C>(v, n, panel + l * n);
  }
}

/// Room after a packed tile for the end of a vector that starts in its last row.
constexpr std::int64_t row_tile_padding = 2;

/// Packs rows [0, rows) x (k) of a whose rows are adjacent (row stride 1) into tiles of tile_rows.
/// `readable` elements follow each a[l * col_stride]. Tiles are k + row_tile_padding deep.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_row_tiles(const T* a, std::int64_t col_stride, std::int64_t rows,
                                 std::int64_t readable, std::int64_t k, C* tiles) {
  constexpr std::int64_t n = I::tile_rows, step = lanes<I, C>;
  for (std::int64_t l = 0; l < k; ++l)
    for (std::int64_t i = 0; i < rows; i += n) {
      // Vectors overlap: what one writes past its tile's row, the next row of the tile replaces.
      C* to = tiles + i * (k + row_tile_padding) + l * n;
      for (std::int64_t r = 0; r < n; r += step) {
        const std::int64_t left = readable - i - r;
        const T* from = a + l * col_stride + i + r;
        store<I>(left >= step ? load<I>(from) : load_some<I>(from, left > 0 ? left : 0), to + r);
      }
    }
}

}  // namespace ijepa::cpu
