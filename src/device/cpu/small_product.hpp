// Products whose operands lie in the cache, with nothing packed: of a single elements are read, of
// b and c whole vectors of a row. Attention is made of these.
#pragma once
#include "simd.hpp"

namespace ijepa::cpu {

/// c (m, n) = or += a (m, k) b (k, n), with element (i, l) of a at a[i * a_row + l * a_col]. n is a
/// multiple of a vector. Row i of c is multiplied by row_scale[i] where that is given.
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
  bool accumulate = false;
};

/// Calls f.operator()<count>() for a count of 1 to Most.
template <int Most, class F>
IJEPA_INLINE void with_count(std::int64_t count, F&& f) {
  if constexpr (Most > 1)
    if (count < Most) return with_count<Most - 1>(count, f);
  f.template operator()<Most>();
}

/// Count rows x Vectors vectors of c, kept in registers.
template <class I, int Count, int Vectors, class C>
IJEPA_INLINE void multiply_small_tile(const SmallProduct<C> p, std::int64_t row, std::int64_t col) {
  constexpr int n = lanes<I, C>, together = 3;
  constexpr int bases = (Count + together - 1) / together;
  Vec<I, C> acc[Count][Vectors] = {};
  // So few addresses stay in registers: the others are one of these and one or two strides.
  const C* a[bases];
#pragma GCC unroll 4
  for (int r = 0; r < bases; ++r) a[r] = p.a + (row + together * r) * p.a_row;
  const C* b = p.b + col;
  for (std::int64_t l = 0; l < p.k; ++l) {
    Vec<I, C> bs[Vectors];
#pragma GCC unroll 2
    for (int v = 0; v < Vectors; ++v) bs[v] = load<I>(b + v * n);
#pragma GCC unroll 12
    for (int r = 0; r < Count; ++r) {
      const auto s = splat<I>(a[r / together][r % together * p.a_row]);
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v) acc[r][v] += s * bs[v];
    }
#pragma GCC unroll 4
    for (int r = 0; r < bases; ++r) a[r] += p.a_col;
    b += p.b_row;
  }
  const auto for_each = [&](auto&& f) __attribute__((always_inline)) {
#pragma GCC unroll 12
    for (int r = 0; r < Count; ++r)
#pragma GCC unroll 2
      for (int v = 0; v < Vectors; ++v)
        f(acc[r][v], row + r, p.c + (row + r) * p.c_row + col + v * n);
  };
  if (p.row_scale != nullptr)
    for_each([&](Vec<I, C> & v, std::int64_t r, C*)
                 __attribute__((always_inline)) { v *= p.row_scale[r]; });
  if (p.accumulate)
    for_each([](Vec<I, C> & v, std::int64_t, const C* c)
                 __attribute__((always_inline)) { v += load<I>(c); });
  for_each([](const Vec<I, C>& v, std::int64_t, C* c)
               __attribute__((always_inline)) { store<I>(v, c); });
}

/// Some columns of c in register tiles of nearly equal height: a low one would wait for its sums.
template <class I, int Vectors, class C>
IJEPA_INLINE void multiply_small_columns(const SmallProduct<C>& p, std::int64_t col) {
  const std::int64_t tiles = (p.m + I::tile_rows - 1) / I::tile_rows;
  for (std::int64_t tile = 0; tile < tiles; ++tile) {
    const std::int64_t row = p.m * tile / tiles;
    with_count<I::tile_rows>(p.m * (tile + 1) / tiles - row, [&]<int Count>() {
      multiply_small_tile<I, Count, Vectors>(p, row, col);
    });
  }
}

template <class I, class C>
[[gnu::noinline]] void multiply_small(const SmallProduct<C>& p) {
  constexpr std::int64_t pair = 2 * lanes<I, C>;
  std::int64_t col = 0;
  for (; col + pair <= p.n; col += pair) multiply_small_columns<I, 2>(p, col);
  if (col < p.n) multiply_small_columns<I, 1>(p, col);
}

}  // namespace ijepa::cpu
