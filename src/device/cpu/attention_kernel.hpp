// Attention of one head, in blocks of queries. With s = scale q k^T, p = softmax(s), o = p v and
// delta_i = do_i . o_i:   dv = p^T do,  ds = p (do v^T - delta),  dq = scale ds k,  dk = scale ds^T
// q. Scores of a block of queries are all that is ever held; backward recomputes them from lse.
#pragma once
#include "gemm_tile.hpp"
#include "kernels.hpp"
#include "math_kernel.hpp"

namespace ijepa::cpu {

/// Elements of a block of scores: with its gradient it stays in the second-level cache.
constexpr std::int64_t score_block = 32 * 1024;

template <class C>
IJEPA_INLINE std::int64_t padded_to(std::int64_t n, std::int64_t multiple) {
  return (n + multiple - 1) / multiple * multiple;
}

/// Sizes of one head's work, in elements of C.
template <class I, class C>
struct AttentionShape {
  std::int64_t length, dim;
  std::int64_t keys;   // length, padded to whole panels
  std::int64_t cols;   // dim, padded to whole panels
  std::int64_t block;  // queries at a time

  IJEPA_INLINE AttentionShape(std::int64_t length_in, std::int64_t queries, std::int64_t dim_in)
      : length(length_in),
        dim(dim_in),
        keys(padded_to<C>(length_in, panel_cols<I, C>)),
        cols(padded_to<C>(dim_in, panel_cols<I, C>)) {
    const std::int64_t fit = score_block / keys / I::tile_rows * I::tile_rows;
    const std::int64_t least = 2 * I::tile_rows;
    const std::int64_t wanted = fit < least ? least : fit;
    block = wanted < queries ? wanted : queries;
  }
  /// The most that backward needs; forward needs less.
  IJEPA_INLINE std::int64_t workspace() const {
    return 3 * keys * cols + 2 * keys * cols + 4 * block * cols + 2 * block * (keys + 1);
  }
};

/// Hands out consecutive pieces of a workspace.
template <class C>
struct Pieces {
  C* next;
  IJEPA_INLINE C* take(std::int64_t count) {
    C* piece = next;
    next += count;
    return piece;
  }
};

/// rows x (n) of a matrix in memory as panels of n columns; `by_column`: as its transpose, so that
/// rows become columns.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_rows(const T* x, std::int64_t stride, std::int64_t rows, std::int64_t n,
                            C* panels) {
  for (std::int64_t j = 0; j < n; j += panel_cols<I, C>)
    pack_panel<I>(x + j, stride, 1, rows, n - j, panels + j * rows);
}
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void pack_transposed(const T* x, std::int64_t stride, std::int64_t rows,
                                  std::int64_t n, C* panels) {
  for (std::int64_t j = 0; j < rows; j += panel_cols<I, C>)
    pack_panel_transposed<I>(x + j * stride, stride, n, rows - j, panels + j * n);
}

/// y (rows, n) contiguous <- x, widened.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void widen_rows(const T* x, std::int64_t stride, std::int64_t rows, std::int64_t n,
                             C* y) {
  for (std::int64_t i = 0; i < rows; ++i) {
    std::int64_t j = 0;
    for (; j + lanes<I, C> <= n; j += lanes<I, C>)
      store<I>(load<I>(x + i * stride + j), y + i * n + j);
    for (; j < n; ++j) y[i * n + j] = widen<C>(x[i * stride + j]);
  }
}

/// a (rows, k) times packed panels of n columns: finish(row, column, vectors) takes each result.
template <class I, class C, class Finish>
IJEPA_INLINE void multiply_panels(std::int64_t rows, std::int64_t k, std::int64_t n,
                                  const Rows<C>& a, const C* panels, Finish&& finish) {
  for (std::int64_t j = 0; j < n; j += panel_cols<I, C>)
    multiply_panel<I, C>(
        rows, k, a, panels + j * k,
        [](std::int64_t, Vec<I, C>(&v)[2])
            __attribute__((always_inline)) { v[0] = v[1] = Vec<I, C>{}; },
        [&](std::int64_t r, Vec<I, C>(&v)[2]) __attribute__((always_inline)) { finish(r, j, v); });
}

/// sums (rows, cols padded) += a (rows, k) times packed panels.
template <class I, class C>
IJEPA_INLINE void accumulate_panels(std::int64_t rows, std::int64_t k, std::int64_t cols,
                                    const Rows<C>& a, const C* panels, C* sums) {
  constexpr std::int64_t width = panel_cols<I, C>;
  for (std::int64_t j = 0; j < cols; j += width)
    multiply_panel<I, C>(
        rows, k, a, panels + j * k,
        [&](std::int64_t r, Vec<I, C>(&v)[2])
            __attribute__((always_inline)) { load_pair<I, C>(sums + r * cols + j, width, v); },
        [&](std::int64_t r, Vec<I, C>(&v)[2])
            __attribute__((always_inline)) { store_pair<I, C>(v, width, sums + r * cols + j); });
}

IJEPA_INLINE float natural_log(float x) {
  return __builtin_logf(x);
}
IJEPA_INLINE double natural_log(double x) {
  return __builtin_log(x);
}

/// scores <- exp(scores - their largest), padding <- 0. Returns their sum; `largest` too.
template <class I, class C>
IJEPA_INLINE C exponentials(C* scores, std::int64_t length, std::int64_t padded, C& largest) {
  constexpr std::int64_t n = lanes<I, C>;
  Vec<I, C> top = splat<I>(-C(1e30));
  for (std::int64_t j = 0; j < padded; j += n)
    top = max(top, first_lanes<I, C>(load<I>(scores + j), length - j, -C(1e30)));
  largest = max_lane<I, C>(top);
  Vec<I, C> sum{};
  for (std::int64_t j = 0; j < padded; j += n) {
    const Vec<I, C> e =
        first_lanes<I, C>(exp<I>(load<I>(scores + j) - splat<I>(largest)), length - j);
    store<I>(e, scores + j);
    sum += e;
  }
  return sum_lanes<I, C>(sum);
}

template <class T>
IJEPA_INLINE AttentionParts<T> parts_as(const AttentionParts<void>& x) {
  return {static_cast<T*>(x.q), static_cast<T*>(x.k), static_cast<T*>(x.v), x.q_stride,
          x.kv_stride};
}

/// One head's columns of the rows of its sequence.
template <class T>
IJEPA_INLINE AttentionParts<T> parts_at(const Head& h, const AttentionParts<T>& x) {
  const std::int64_t key = h.row * x.kv_stride + h.column;
  return {x.q + h.query * x.q_stride + h.column, x.k + key, x.v + key, x.q_stride, x.kv_stride};
}

template <class I, class T, class C = Accumulator<T>>
void attention_forward_head(const Head& h, const AttentionParts<const T>& all, C* workspace, T* out,
                            C* lse) {
  const AttentionShape<I, C> s(h.length, h.queries, h.dim);
  Pieces<C> pieces{workspace};
  C *keys = pieces.take(s.keys * s.dim), *values = pieces.take(s.length * s.cols);
  C *queries = pieces.take(s.block * s.dim), *scores = pieces.take(s.block * s.keys);
  C* scales = pieces.take(s.block);
  const AttentionParts<const T> x = parts_at(h, all);
  pack_transposed<I>(x.k, x.kv_stride, s.length, s.dim, keys);
  pack_rows<I>(x.v, x.kv_stride, s.length, s.dim, values);
  const C scale = C(1) / static_cast<C>(__builtin_sqrt(static_cast<double>(s.dim)));
  for (std::int64_t first = 0; first < h.queries; first += s.block) {
    const std::int64_t rows = h.queries - first < s.block ? h.queries - first : s.block;
    widen_rows<I>(x.q + first * x.q_stride, x.q_stride, rows, s.dim, queries);
    multiply_panels<I, C>(
        rows, s.dim, s.keys, {queries, s.dim, s.dim, 1},
        keys, [&](std::int64_t r, std::int64_t j, Vec<I, C>(&v)[2]) __attribute__((always_inline)) {
          for (int i = 0; i < 2; ++i) v[i] *= scale;
          store_pair<I, C>(v, panel_cols<I, C>, scores + r * s.keys + j);
        });
    for (std::int64_t r = 0; r < rows; ++r) {
      C largest;
      const C sum = exponentials<I, C>(scores + r * s.keys, s.length, s.keys, largest);
      scales[r] = C(1) / sum;
      lse[(h.query + first + r) * h.heads + h.column / h.dim] = largest + natural_log(sum);
    }
    T* o = out + (h.query + first) * h.width + h.column;
    multiply_panels<I, C>(
        rows, s.length, s.dim, {scores, s.keys, s.keys, 1}, values,
        [&](std::int64_t r, std::int64_t j, Vec<I, C>(&v)[2]) __attribute__((always_inline)) {
          for (int i = 0; i < 2; ++i) v[i] *= scales[r];
          store_pair<I, C>(v, s.dim - j, o + r * h.width + j);
        });
  }
}

/// delta[r] = dout[r] . out[r] over the head's columns.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void row_products(const T* a, const T* b, std::int64_t stride, std::int64_t rows,
                               std::int64_t n, C* y) {
  for (std::int64_t r = 0; r < rows; ++r) {
    Vec<I, C> sum{};
    std::int64_t j = 0;
    for (; j + lanes<I, C> <= n; j += lanes<I, C>)
      sum += load<I>(a + r * stride + j) * load<I>(b + r * stride + j);
    C total = sum_lanes<I, C>(sum);
    for (; j < n; ++j) total += widen<C>(a[r * stride + j]) * widen<C>(b[r * stride + j]);
    y[r] = total;
  }
}

/// p (rows, keys) = exp(scale q k^T - lse) of a block of queries.
template <class I, class C>
IJEPA_INLINE void block_weights(const AttentionShape<I, C>& s, std::int64_t rows, const C* q,
                                const C* keys, const C* log_sums, std::int64_t heads, C scale,
                                C* p) {
  multiply_panels<I, C>(
      rows, s.dim, s.keys, {q, s.dim, s.dim, 1},
      keys, [&](std::int64_t r, std::int64_t j, Vec<I, C>(&v)[2]) __attribute__((always_inline)) {
        const auto log_sum = splat<I>(log_sums[r * heads]);
        for (int i = 0; i < 2; ++i) v[i] = exp<I>(v[i] * scale - log_sum);
        store_pair<I, C>(v, panel_cols<I, C>, p + r * s.keys + j);
      });
}

/// ds (rows, keys) = scale p (do v^T - delta) of a block of queries.
template <class I, class C>
IJEPA_INLINE void block_score_gradients(const AttentionShape<I, C>& s, std::int64_t rows,
                                        const C* dout, const C* values, const C* delta, C scale,
                                        const C* p, C* ds) {
  multiply_panels<I, C>(
      rows, s.dim, s.keys, {dout, s.dim, s.dim, 1},
      values, [&](std::int64_t r, std::int64_t j, Vec<I, C>(&v)[2]) __attribute__((always_inline)) {
        Vec<I, C> weight[2];
        load_pair<I, C>(p + r * s.keys + j, panel_cols<I, C>, weight);
        for (int i = 0; i < 2; ++i) v[i] = weight[i] * (v[i] - splat<I>(delta[r])) * scale;
        store_pair<I, C>(v, panel_cols<I, C>, ds + r * s.keys + j);
      });
}

/// Narrows gradient sums (length, cols) into the head's columns of dk or dv.
template <class I, class C, class T>
IJEPA_INLINE void narrow_rows(const AttentionShape<I, C>& s, const C* sums, std::int64_t stride,
                              T* y) {
  for (std::int64_t i = 0; i < s.length; ++i)
    for (std::int64_t j = 0; j < s.dim; j += panel_cols<I, C>) {
      Vec<I, C> v[2];
      load_pair<I, C>(sums + i * s.cols + j, panel_cols<I, C>, v);
      store_pair<I, C>(v, s.dim - j, y + i * stride + j);
    }
}

template <class I, class T, class C = Accumulator<T>>
void attention_backward_head(const Head& h, const T* dout, const AttentionParts<const T>& all,
                             const T* out, const C* lse, C* workspace,
                             const AttentionParts<T>& gradients) {
  const AttentionShape<I, C> s(h.length, h.queries, h.dim);
  Pieces<C> pieces{workspace};
  C *keys_t = pieces.take(s.keys * s.dim), *values_t = pieces.take(s.keys * s.dim);
  C* keys = pieces.take(s.length * s.cols);
  C *dk = pieces.take(s.length * s.cols), *dv = pieces.take(s.length * s.cols);
  C *rows_q = pieces.take(s.block * s.dim), *rows_do = pieces.take(s.block * s.dim);
  C *panels_q = pieces.take(s.block * s.cols), *panels_do = pieces.take(s.block * s.cols);
  C *p = pieces.take(s.block * s.keys), *ds = pieces.take(s.block * s.keys);
  C* delta = pieces.take(s.block);
  const AttentionParts<const T> x = parts_at(h, all);
  const AttentionParts<T> dx = parts_at(h, gradients);
  pack_transposed<I>(x.k, x.kv_stride, s.length, s.dim, keys_t);
  pack_transposed<I>(x.v, x.kv_stride, s.length, s.dim, values_t);
  pack_rows<I>(x.k, x.kv_stride, s.length, s.dim, keys);
  for (std::int64_t i = 0; i < s.length * s.cols; ++i) dk[i] = dv[i] = C(0);
  const C scale = C(1) / static_cast<C>(__builtin_sqrt(static_cast<double>(s.dim)));
  for (std::int64_t first = 0; first < h.queries; first += s.block) {
    const std::int64_t rows = h.queries - first < s.block ? h.queries - first : s.block;
    const T* o = out + (h.query + first) * h.width + h.column;
    const T* d = dout + (h.query + first) * h.width + h.column;
    const C* log_sums = lse + (h.query + first) * h.heads + h.column / h.dim;
    const T* q = x.q + first * x.q_stride;
    widen_rows<I>(q, x.q_stride, rows, s.dim, rows_q);
    widen_rows<I>(d, h.width, rows, s.dim, rows_do);
    pack_rows<I>(q, x.q_stride, rows, s.dim, panels_q);
    pack_rows<I>(d, h.width, rows, s.dim, panels_do);
    row_products<I>(d, o, h.width, rows, s.dim, delta);
    block_weights<I, C>(s, rows, rows_q, keys_t, log_sums, h.heads, scale, p);
    block_score_gradients<I, C>(s, rows, rows_do, values_t, delta, scale, p, ds);
    multiply_panels<I, C>(
        rows, s.length, s.dim, {ds, s.keys, s.keys, 1},
        keys, [&](std::int64_t r, std::int64_t j, Vec<I, C>(&v)[2]) __attribute__((always_inline)) {
          store_pair<I, C>(v, s.dim - j, dx.q + (first + r) * dx.q_stride + j);
        });
    accumulate_panels<I, C>(s.length, rows, s.cols, {ds, 1, 1, s.keys}, panels_q, dk);
    accumulate_panels<I, C>(s.length, rows, s.cols, {p, 1, 1, s.keys}, panels_do, dv);
  }
  narrow_rows<I, C>(s, dk, dx.kv_stride, dx.k);
  narrow_rows<I, C>(s, dv, dx.kv_stride, dx.v);
}

}  // namespace ijepa::cpu
