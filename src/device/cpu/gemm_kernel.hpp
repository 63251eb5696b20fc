// Matrix products of linear layers: blocks over k, panels of b, and what happens to finished sums
// (bias, GELU, rounding). Sums run over k in one fixed order, whatever the threads.
#pragma once
#include "kernels.hpp"
#include "math_kernel.hpp"
#include "panels.hpp"
#include "small_product.hpp"

namespace ijepa::cpu {

/// Depth of a packed block: a panel of it stays in the second-level cache.
constexpr std::int64_t block_depth = 512;
/// Rows of c made and finished before the next: of the second-level cache they take little, and
/// whole rows of all operands follow each other, as the processor foresees them.
constexpr std::int64_t cached_rows = 36;
/// Elements between what is finished and what is fetched to be written.
constexpr std::int64_t fetched_ahead = 512;

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

/// A range of k that is packed and multiplied at once; blocks of one product differ by one at most.
struct Block {
  std::int64_t number, begin, depth;
  bool first;
};

/// Steps of k, and how many of them a block has at most.
struct Depth {
  std::int64_t steps, most = block_depth;
};

IJEPA_INLINE std::int64_t blocks_of(const Depth& k) {
  return k.steps <= k.most ? 1 : (k.steps + k.most - 1) / k.most;
}

IJEPA_INLINE Block block_of(const Depth& k, std::int64_t i) {
  const std::int64_t n = blocks_of(k), begin = k.steps * i / n;
  return {i, begin, k.steps * (i + 1) / n - begin, i == 0};
}

/// Whether c is a weight gradient: a and b lie token by token.
IJEPA_INLINE bool is_gradient(const Product& p) {
  return p.a_row == 1 && p.b_col == 1;
}

template <class I>
IJEPA_INLINE Depth depth_of(const Product& p) {
  return {p.k, is_gradient(p) ? I::gradient_depth : block_depth};
}

/// Columns of c that are multiplied together: one register tile wide, in whole vectors, of which
/// the last may pass the end of c.
struct Panel {
  std::int64_t number, col, cols;
};

template <class I, class C>
IJEPA_INLINE std::int64_t panels_of(std::int64_t n) {
  const std::int64_t vectors = whole_vectors<I, C>(n) / lanes<I, C>;
  return (vectors + I::tile_vectors - 1) / I::tile_vectors;
}

template <class I, class C>
IJEPA_INLINE Panel panel_of(std::int64_t n, std::int64_t i) {
  const std::int64_t vectors = whole_vectors<I, C>(n) / lanes<I, C>, panels = panels_of<I, C>(n);
  const std::int64_t col = vectors * i / panels * lanes<I, C>;
  return {i, col, vectors * (i + 1) / panels * lanes<I, C> - col};
}

/// Whether b is read as it lies: in a weight gradient few rows of c share what packing would cost.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE bool reads_b_in_place(const Product& p) {
  return !I::copies_gradients && std::is_same_v<T, C> && is_gradient(p) && p.n % lanes<I, C> == 0;
}

/// Where a panel of a block lies in packed b: blocks in order of k, panels side by side in each.
template <class I, class C>
IJEPA_INLINE std::int64_t panel_at(const Product& p, const Block& block, const Panel& panel) {
  return block.begin * whole_vectors<I, C>(p.n) + block.depth * panel.col;
}

/// Panels of b whose rows lie as they are read: row by row, since the processor foresees no
/// strides.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_rows(const Product& p, Range panels, const Block& block, C* packed) {
  for (std::int64_t l = 0; l < block.depth; ++l) {
    const T* row = static_cast<const T*>(p.b) + (block.begin + l) * p.b_row;
    for (std::int64_t j = panels.begin; j < panels.end; ++j) {
      const Panel panel = panel_of<I, C>(p.n, j);
      C* to = packed + panel_at<I, C>(p, block, panel) + l * panel.cols;
      for (std::int64_t v = 0; v < panel.cols; v += lanes<I, C>)
        store<I>(load_up_to<I, C>(row + panel.col + v, p.n - panel.col - v), to + v);
    }
  }
}

template <class I, class T, class C = Accumulator<T>>
void pack_panels(const Product& p, Range panels, C* packed) {
  if (reads_b_in_place<I, T>(p)) return;
  for (std::int64_t i = 0; i < blocks_of(depth_of<I>(p)); ++i) {
    const Block block = block_of(depth_of<I>(p), i);
    if (p.b_col == 1) {
      pack_rows<I, T>(p, panels, block, packed);
      continue;
    }
    for (std::int64_t j = panels.begin; j < panels.end; ++j) {
      const Panel panel = panel_of<I, C>(p.n, j);
      const T* b = static_cast<const T*>(p.b) + block.begin * p.b_row + panel.col * p.b_col;
      transpose_rows<I, T>(b, p.b_col, p.n - panel.col, block.depth, C(1), panel.cols,
                           packed + panel_at<I, C>(p, block, panel));
    }
  }
}

/// Rows of a in the accumulator's type.
template <class C>
struct RowsOfA {
  const C* data;
  std::int64_t row, col;  // strides
};

/// Some rows of a panel of c's sums, to which `added` is added where there is one.
template <class C>
struct PanelSums {
  std::int64_t rows;
  C* data;
  std::int64_t stride;
  const C* added;
  std::int64_t added_stride;
};

/// a itself where it has that type, else a copy in the workspace, (rows, depth), transposed or in
/// tiles.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE RowsOfA<C> prepare_rows(const Product& p, Range rows, const Block& block,
                                     C* workspace) {
  const T* a = static_cast<const T*>(p.a) + rows.begin * p.a_row + block.begin * p.a_col;
  const std::int64_t count = rows.end - rows.begin;
  if constexpr (I::copies_gradients)
    if (is_gradient(p)) {
      copy_in_tiles<I>(a, p.a_col, count, block.depth, workspace);
      return {workspace, 1, 0};
    }
  if constexpr (std::is_same_v<T, C>) {
    return {a, p.a_row, p.a_col};
  } else {
    const bool transposed = p.a_col != 1;
    const std::int64_t lines = transposed ? block.depth : count,
                       length = transposed ? count : block.depth,
                       stride = transposed ? p.a_col : p.a_row;
    for (std::int64_t i = 0; i < lines; ++i)
      for (std::int64_t j = 0; j < length; j += lanes<I, C>)
        store_up_to<I, C>(load_up_to<I, C>(a + i * stride + j, length - j),
                          workspace + i * length + j, length - j);
    return {workspace, transposed ? 1 : length, transposed ? length : 1};
  }
}

/// Whether sums are c as soon as they are made.
template <class I, class C>
IJEPA_INLINE bool stores_sums(const Product& p) {
  const bool plain = p.then == Then::store || (p.then == Then::accumulate && p.bias == nullptr);
  return plain && size_of(p.c_type) == sizeof(C) && p.n % lanes<I, C> == 0;
}

/// What becomes of a vector of sums before it is c's at element `at`, of which `count` are.
template <class I, Then then, class T, class C>
IJEPA_INLINE void finish_vector(const Product& p, Vec<I, C> v, std::int64_t at,
                                std::int64_t count) {
  T* c = static_cast<T*>(p.c) + at;
  __builtin_prefetch(c + fetched_ahead, 1);
  if constexpr (then == Then::accumulate) v += load_up_to<I, C>(c, count);
  if constexpr (then == Then::gelu) {
    if (p.extra != nullptr) {
      T* pre = static_cast<T*>(p.extra) + at;
      __builtin_prefetch(pre + fetched_ahead, 1);
      store_up_to<I, C>(v, pre, count);
    }
    v = gelu<I>(as_stored<I, T>(v));
  }
  if constexpr (then == Then::gelu_slope) {
    const T* extra = static_cast<const T*>(p.extra) + at;
    T* also = static_cast<T*>(p.also) + at;
    __builtin_prefetch(extra + fetched_ahead);
    __builtin_prefetch(also + fetched_ahead, 1);
    const Vec<I, C> pre = load_up_to<I, C>(extra, count), cdf = normal_cdf<I>(pre);
    store_up_to<I, C>(Vec<I, C>(pre * cdf), also, count);
    v = as_stored<I, T>(v) * gelu_gradient<I>(pre, cdf);
  }
  store_up_to<I, C>(v, c, count);
}

/// The same of rows of sums. What becomes of them is known when it is compiled: else each vector
/// asks, and fewer of them are under way at once.
template <class I, Then then, class C>
void finish_rows_by(const Product& p, Range rows, const C* sums) {
  const C* bias = static_cast<const C*>(p.bias);
  with_type<C>(
      p.c_type, p.c, [&]<class T>(T*) __attribute__((always_inline)) {
        for (auto row = rows.begin; row < rows.end; ++row, sums += whole_vectors<I, C>(p.n)) {
          const auto finish = [&](std::int64_t col, std::int64_t count)
              __attribute__((always_inline)) {
            Vec<I, C> v = load<I>(sums + col);
            if (bias != nullptr) v += load_up_to<I, C>(bias + col, count);
            finish_vector<I, then, T, C>(p, v, row * p.n + col, count);
          };
          std::int64_t col = 0;
          for (; col + lanes<I, C> <= p.n; col += lanes<I, C>) finish(col, lanes<I, C>);
          if (col < p.n) finish(col, p.n - col);
        }
      });
}

template <class I, class C>
void finish_rows(const Product& p, Range rows, const C* sums) {
  switch (p.then) {
    case Then::store:
      return finish_rows_by<I, Then::store>(p, rows, sums);
    case Then::accumulate:
      return finish_rows_by<I, Then::accumulate>(p, rows, sums);
    case Then::gelu:
      return finish_rows_by<I, Then::gelu>(p, rows, sums);
    case Then::gelu_slope:
      return finish_rows_by<I, Then::gelu_slope>(p, rows, sums);
  }
}

/// Products of elements of type T in instruction set I, as their sums are made: widened to the
/// accumulator's type.
template <class I, class T>
struct Widened {
  using Set = I;
  using Sum = Accumulator<T>;
  using Packed = Sum;

  /// Steps of k in which blocks are counted.
  static Depth depth(const Product& p) { return depth_of<I>(p); }
  /// Elements of the workspace that prepare_rows takes for so many rows.
  static std::int64_t row_space(const Product& p, std::int64_t rows) {
    return std::is_same_v<T, Sum> && !(I::copies_gradients && is_gradient(p))
               ? 0
               : rows * depth(p).most;
  }
  IJEPA_INLINE static RowsOfA<Sum> prepare(const Product& p, Range rows, const Block& block,
                                           Sum* workspace) {
    return prepare_rows<I, T>(p, rows, block, workspace);
  }
  IJEPA_INLINE static void multiply(const Product& p, const RowsOfA<Sum>& a, const Block& block,
                                    const Panel& panel, const Packed* packed,
                                    const PanelSums<Sum>& c) {
    const bool in_place = reads_b_in_place<I, T>(p);
    const Sum* b = in_place ? static_cast<const Sum*>(p.b) + block.begin * p.b_row + panel.col
                            : packed + panel_at<I, Sum>(p, block, panel);
    const SmallProduct<Sum> product{
        c.rows,         panel.cols, block.depth, a.data,
        a.row,          a.col,      b,           in_place ? p.b_row : panel.cols,
        c.data,         c.stride,   nullptr,     c.added,
        c.added_stride, true};
    if constexpr (I::copies_gradients)
      if (is_gradient(p)) return multiply_small<I, Sum, true>(product);
    multiply_small<I, Sum>(product);
  }
};

/// Some rows of c, and a range of its panels.
template <class Form, class C = typename Form::Sum>
void multiply_cached(const Product& p, Range rows, Range panels,
                     const typename Form::Packed* packed, C* workspace) {
  using I = typename Form::Set;
  const std::int64_t count = rows.end - rows.begin, blocks = blocks_of(Form::depth(p));
  const bool in_c = stores_sums<I, C>(p);
  C* partial = workspace + Form::row_space(p, count);
  for (std::int64_t i = 0; i < blocks; ++i) {
    const Block block = block_of(Form::depth(p), i);
    auto a = Form::prepare(p, rows, block, workspace);
    for (std::int64_t j = panels.begin; j < panels.end; ++j) {
      const Panel panel = panel_of<I, C>(p.n, j);
      C* sums = in_c ? static_cast<C*>(p.c) + rows.begin * p.n + panel.col : partial + panel.col;
      const std::int64_t stride = in_c ? p.n : whole_vectors<I, C>(p.n);
      const bool adds = !block.first || (in_c && p.then == Then::accumulate);
      const C* bias = in_c && block.first && p.bias != nullptr
                          ? static_cast<const C*>(p.bias) + panel.col
                          : nullptr;
      Form::multiply(p, a, block, panel, packed,
                     {count, sums, stride, adds ? sums : bias, adds ? stride : 0});
    }
  }
  if (!in_c) finish_rows<I, C>(p, rows, partial);
}

/// c's rows x panels.
template <class Form, class C = typename Form::Sum>
void multiply_rows(const Product& p, Range rows, Range panels, const typename Form::Packed* packed,
                   C* workspace) {
  // Rows of a weight gradient share x, of which there is more than of them.
  const std::int64_t most = is_gradient(p) ? rows.end - rows.begin : cached_rows;
  for (auto row = rows.begin; row < rows.end; row += most) {
    const std::int64_t end = row + most < rows.end ? row + most : rows.end;
    multiply_cached<Form>(p, {row, end}, panels, packed, workspace);
  }
}

/// Elements of the workspace that a block of `rows` rows needs.
template <class Form, class C = typename Form::Sum>
IJEPA_INLINE std::int64_t product_workspace(const Product& p, std::int64_t rows) {
  using I = typename Form::Set;
  const std::int64_t sums = stores_sums<I, C>(p) ? 0 : rows * whole_vectors<I, C>(p.n);
  return Form::row_space(p, rows) + sums;
}

}  // namespace ijepa::cpu
