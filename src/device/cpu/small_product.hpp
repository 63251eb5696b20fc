// Products whose operands lie in the cache: of a single elements are read, of b and c whole vectors
// of a row. Linear layers and attention are made of these.
#pragma once
#include <algorithm>
#include <functional>

#include "simd.hpp"

namespace ijepa::cpu {

/// c (m, n) = a (m, k) b (k, n), with element (i, l) of a at a[i * a_row + l * a_col]. n is a
/// multiple of a vector. Row i of c is multiplied by row_scale[i] where that is given, and row i of
/// `added`, which may be c, is added to it where there is one.
template <class C>
struct SmallProduct {
  std::int64_t m, n, k;
  const C* a;
  std::int64_t a_row, a_col;
  const C* b;
  std::int64_t b_row;
  C* c;
  std::int64_t c_row;
  const C* row_scale = nullptr;
  const C* added = nullptr;
  std::int64_t added_row = 0;
  bool a_is_far = false;  // out of the cache
};

/// Calls f.operator()<count>() for a count of 1 to Most.
template <int Most, class F>
IJEPA_INLINE void with_count(std::int64_t count, F&& f) {
  if constexpr (Most > 1)
    if (count < Most) return with_count<Most - 1>(count, f);
  f.template operator()<Most>();
}

/// Calls f.operator()<count>(first row) for register tiles of nearly equal height: a low one would
/// wait for its sums.
template <class I, int Vectors, class F>
IJEPA_INLINE void for_each_tile(std::int64_t rows, F&& f) {
  constexpr int most = I::tile_rows[Vectors - 1];
  const std::int64_t tiles = (rows + most - 1) / most;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t row = rows * tile / tiles;
    with_count<most>(rows * (tile + 1) / tiles - row,
                     [&]<int Count>() { f.template operator()<Count>(row); });
  }
}

/// y = rows of a, which lie column by column (k, rows) with `stride` elements between columns: tile
/// by tile, each (k, rows of the tile).
template <class I, class T, class C>
IJEPA_INLINE void copy_in_tiles(const T* a, std::int64_t stride, std::int64_t rows, std::int64_t k,
                                C* y) {
  static_assert(std::ranges::adjacent_find(I::tile_rows, std::not_equal_to{}) ==
                    std::ranges::end(I::tile_rows),
                "Tiles of all widths read the same copy.");
  for_each_tile<I, 1>(rows, [&]<int Count>(std::int64_t row) {
    const T* from = a + row;
    C* to = y + row * k;
    for (std::int64_t l = 0; l < k; ++l, from += stride, to += Count)
#pragma GCC unroll 12
      for (int r = 0; r < Count; ++r) to[r] = widen<C>(from[r]);
  });
}

/// Count rows x Vectors vectors of c, kept in registers.
template <class I, int Count, int Vectors, bool Tiled, class C>
IJEPA_INLINE void multiply_small_tile(const SmallProduct<C>& p, std::int64_t row,
                                      std::int64_t col) {
  constexpr int n = lanes<I, C>, together = 3;
  constexpr int bases = (Count + together - 1) / together;
  Vec<I, C> acc[Count][Vectors] = {};
  // So few addresses stay in registers: the others are one of these and one or two strides.
  const C* a[bases];
#pragma GCC unroll 4
  for (int r = 0; r < bases; ++r)
    a[r] = Tiled ? p.a + row * p.k + together * r : p.a + (row + together * r) * p.a_row;
  const C* b = p.b + col;
  const std::int64_t a_row = Tiled ? 1 : p.a_row, a_col = Tiled ? Count : p.a_col, b_row = p.b_row;
  constexpr auto line = static_cast<std::int64_t>(64 / sizeof(C));
  const bool fetches = p.a_is_far && a_col == 1;
  for (std::int64_t left = p.k; left > 0; left -= line) {
    // The tile below: so many rows at once are not foreseen.
    if (fetches) {
#pragma GCC unroll 12
      for (int r = 0; r < Count; ++r)
        __builtin_prefetch(a[r / together] + (Count + r % together) * a_row);
    }
    for (std::int64_t l = left < line ? left : line; l > 0; --l) {
      Vec<I, C> bs[Vectors];
#pragma GCC unroll 3
      for (int v = 0; v < Vectors; ++v) bs[v] = load<I>(b + v * n);
#pragma GCC unroll 12
      for (int r = 0; r < Count; ++r) {
        const auto s = splat<I>(a[r / together][r % together * a_row]);
#pragma GCC unroll 3
        for (int v = 0; v < Vectors; ++v) acc[r][v] += s * bs[v];
      }
#pragma GCC unroll 4
      for (int r = 0; r < bases; ++r) a[r] += a_col;
      b += b_row;
    }
  }
  const auto for_each = [&](auto&& f) __attribute__((always_inline)) {
#pragma GCC unroll 12
    for (int r = 0; r < Count; ++r)
#pragma GCC unroll 3
      for (int v = 0; v < Vectors; ++v) f(acc[r][v], row + r, col + v * n);
  };
  if (p.row_scale != nullptr)
    for_each([&](Vec<I, C> & v, std::int64_t r, std::int64_t)
                 __attribute__((always_inline)) { v *= p.row_scale[r]; });
  if (p.added != nullptr)
    for_each([&](Vec<I, C> & v, std::int64_t r, std::int64_t j)
                 __attribute__((always_inline)) { v += load<I>(p.added + r * p.added_row + j); });
  for_each([&](const Vec<I, C>& v, std::int64_t r, std::int64_t j)
               __attribute__((always_inline)) { store<I>(v, p.c + r * p.c_row + j); });
}

/// Some columns of c.
template <class I, int Vectors, bool Tiled, class C>
IJEPA_INLINE void multiply_small_columns(const SmallProduct<C>& p, std::int64_t col) {
  for_each_tile<I, Vectors>(p.m, [&]<int Count>(std::int64_t row) {
    multiply_small_tile<I, Count, Vectors, Tiled>(p, row, col);
  });
}

/// The columns in nearly equal parts of few vectors. With Tiled, a lies as copy_in_tiles makes it.
template <class I, class C, bool Tiled = false>
[[gnu::noinline]] void multiply_small(const SmallProduct<C>& p) {
  constexpr int most = I::tile_vectors;
  const std::int64_t vectors = p.n / lanes<I, C>, parts = (vectors + most - 1) / most;
  for (std::int64_t part = 0; part < parts; ++part) {
    const std::int64_t first = vectors * part / parts;
    with_count<most>(vectors * (part + 1) / parts - first, [&]<int Vectors>() {
      multiply_small_columns<I, Vectors, Tiled>(p, first * lanes<I, C>);
    });
  }
}

}  // namespace ijepa::cpu
