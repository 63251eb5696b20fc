// Matrix products of linear layers: blocks over k, packing, and what happens to a finished row of a
// tile (bias, GELU, rounding). Sums run over k in one fixed order, whatever the threads.
#pragma once
#include "gemm_tile.hpp"
#include "kernels.hpp"
#include "math_kernel.hpp"

namespace ijepa::cpu {

/// Depth of a packed block: a panel of it stays in the first-level cache.
constexpr std::int64_t block_depth = 512;

/// Calls f with `data` as a pointer to elements of the type, which belongs to accumulator C.
template <class C, class F>
IJEPA_INLINE void with_type(DType type, void* data, F&& f) {
  if constexpr (sizeof(C) == sizeof(double))
    f(static_cast<double*>(data));
  else if (type == DType::f32)
    f(static_cast<float*>(data));
  else
    f(static_cast<BFloat16*>(data));
}

/// The value that a T keeps of v.
template <class I, class T, class V>
IJEPA_INLINE V as_stored(V v) {
  unsigned char buffer[sizeof(V)];
  store<I>(v, reinterpret_cast<T*>(buffer));
  return load<I>(reinterpret_cast<const T*>(buffer));
}

/// Bias, activation, and the store of one row of a tile.
template <class I, class C>
IJEPA_INLINE void finish_row(const Product& p, std::int64_t row, std::int64_t col,
                             Vec<I, C> (&v)[2]) {
  const std::int64_t width = p.n - col, at = row * p.n + col;
  Vec<I, C> other[2];
  if (p.bias != nullptr) {
    load_pair<I, C>(static_cast<const C*>(p.bias) + col, width, other);
    for (int h = 0; h < 2; ++h) v[h] += other[h];
  }
  if (p.then == Then::gelu)
    with_type<C>(
        p.extra_type, p.extra, [&]<class T>(T * pre) __attribute__((always_inline)) {
          store_pair<I, C>(v, width, pre + at);
          for (int h = 0; h < 2; ++h) v[h] = gelu<I>(as_stored<I, T>(v[h]));
        });
  with_type<C>(
      p.c_type, p.c, [&]<class T>(T * c) __attribute__((always_inline)) {
        if (p.then == Then::gelu_slope) {
          with_type<C>(
              p.extra_type, p.extra, [&](auto* pre) __attribute__((always_inline)) {
                load_pair<I, C>(pre + at, width, other);
              });
          Vec<I, C> activated[2];
          for (int h = 0; h < 2; ++h) {
            const auto cdf = normal_cdf<I>(other[h]);
            activated[h] = other[h] * cdf;
            v[h] = as_stored<I, T>(v[h]) * gelu_gradient<I>(other[h], cdf);
          }
          store_pair<I, C>(activated, width, static_cast<T*>(p.also) + at);
        }
        if (p.then == Then::accumulate) {
          load_pair<I, C>(c + at, width, other);
          for (int h = 0; h < 2; ++h) v[h] += other[h];
        }
        store_pair<I, C>(v, width, c + at);
      });
}

/// A range of k that is packed and multiplied at once; blocks of one product differ by one at most.
struct Block {
  std::int64_t begin, depth;
  bool first, last;
};

template <class I>
IJEPA_INLINE std::int64_t blocks_of(std::int64_t k) {
  return k <= block_depth ? 1 : (k + block_depth - 1) / block_depth;
}

template <class I>
IJEPA_INLINE Block block_of(std::int64_t k, std::int64_t i) {
  const std::int64_t n = blocks_of<I>(k), begin = k * i / n;
  return {begin, k * (i + 1) / n - begin, i == 0, i + 1 == n};
}

template <class I, class C>
IJEPA_INLINE std::int64_t panels_of(std::int64_t n) {
  return (n + panel_cols<I, C> - 1) / panel_cols<I, C>;
}

/// Where the panel of a block lies in packed b: blocks in order of k, panels side by side in each.
template <class I, class C>
IJEPA_INLINE std::int64_t panel_at(const Product& p, const Block& block, std::int64_t panel) {
  return (block.begin * panels_of<I, C>(p.n) + block.depth * panel) * panel_cols<I, C>;
}

template <class I, class T, class C = Accumulator<T>>
void pack_panels(const Product& p, Range panels, C* packed) {
  for (std::int64_t i = 0; i < blocks_of<I>(p.k); ++i) {
    const Block block = block_of<I>(p.k, i);
    for (std::int64_t panel = panels.begin; panel < panels.end; ++panel) {
      const std::int64_t col = panel * panel_cols<I, C>;
      pack_panel<I>(static_cast<const T*>(p.b) + block.begin * p.b_row + col * p.b_col, p.b_row,
                    p.b_col, block.depth, p.n - col, packed + panel_at<I, C>(p, block, panel));
    }
  }
}

/// Elements that prepare_rows may write.
template <class I>
IJEPA_INLINE std::int64_t prepared_size(std::int64_t rows) {
  return (rows + 2 * I::tile_rows) * (block_depth + row_tile_padding);
}

/// Rows of a in the accumulator's type: a itself where it has that type and order, else a copy.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE Rows<C> prepare_rows(const Product& p, Range rows, const Block& block, C* workspace) {
  const T* a = static_cast<const T*>(p.a) + rows.begin * p.a_row + block.begin * p.a_col;
  const std::int64_t count = rows.end - rows.begin;
  if (p.a_row == 1 && p.a_col != 1) {
    pack_row_tiles<I>(a, p.a_col, count, p.m - rows.begin, block.depth, workspace);
    return {workspace, block.depth + row_tile_padding, 1, I::tile_rows};
  }
  if constexpr (sizeof(T) == sizeof(C)) {
    return {a, p.a_row, p.a_row, p.a_col};
  } else {
    constexpr std::int64_t n = lanes<I, C>;
    for (std::int64_t i = 0; i < count; ++i) {
      std::int64_t l = 0;
      for (; l + n <= block.depth; l += n)
        store<I>(load<I>(a + i * p.a_row + l), workspace + i * block.depth + l);
      for (; l < block.depth; ++l) workspace[i * block.depth + l] = widen<C>(a[i * p.a_row + l]);
    }
    return {workspace, block.depth, block.depth, 1};
  }
}

/// c's rows x panels. Sums of unfinished blocks wait in the workspace.
template <class I, class T, class C = Accumulator<T>>
void multiply_rows(const Product& p, Range rows, Range panels, const C* packed, C* workspace) {
  const std::int64_t count = rows.end - rows.begin;
  C* partial = workspace + prepared_size<I>(count);
  for (std::int64_t i = 0; i < blocks_of<I>(p.k); ++i) {
    const Block block = block_of<I>(p.k, i);
    const Rows<C> a = prepare_rows<I, T>(p, rows, block, workspace);
    for (std::int64_t panel = panels.begin; panel < panels.end; ++panel) {
      const std::int64_t col = panel * panel_cols<I, C>;
      C* sums = partial + (panel - panels.begin) * count * panel_cols<I, C>;
      multiply_panel<I, C>(
          count, block.depth, a, packed + panel_at<I, C>(p, block, panel),
          [&](std::int64_t r, Vec<I, C>(&v)[2]) __attribute__((always_inline)) {
            if (block.first)
              v[0] = v[1] = Vec<I, C>{};
            else
              load_pair<I, C>(sums + r * panel_cols<I, C>, panel_cols<I, C>, v);
          },
          [&](std::int64_t r, Vec<I, C>(&v)[2]) __attribute__((always_inline)) {
            if (block.last)
              finish_row<I, C>(p, rows.begin + r, col, v);
            else
              store_pair<I, C>(v, panel_cols<I, C>, sums + r * panel_cols<I, C>);
          });
    }
  }
}

}  // namespace ijepa::cpu
