// Attention of one head, in blocks of queries. With s = scale q k^T, p = softmax(s), o = p v:
//   dv = p^T do,  dp = do v^T,  ds = scale p (dp - sum over keys of p dp),  dq = ds k,  dk = ds^T q
// Scores are held transposed, (keys, queries): what a softmax takes over keys is then taken over
// whole vectors, never inside one. Backward forms p again from lse.
#pragma once
#include "attention_rows.hpp"
#include "kernels.hpp"
#include "math_kernel.hpp"
#include "panels.hpp"
#include "small_product.hpp"

namespace ijepa::cpu {

/// Elements of a block of scores: with its gradient it stays in the second-level cache.
constexpr std::int64_t score_block = 32 * 1024;

/// Sizes of one head's work, in elements of C.
template <class I, class C>
struct AttentionShape {
  std::int64_t length, dim;
  std::int64_t cols;   // dim in whole vectors
  std::int64_t block;  // queries at a time, in whole vectors

  IJEPA_INLINE AttentionShape(std::int64_t length_in, std::int64_t queries, std::int64_t dim_in)
      : length(length_in), dim(dim_in), cols(whole_vectors<I, C>(dim_in)) {
    constexpr std::int64_t pair = 2 * lanes<I, C>;
    const std::int64_t fit = score_block / length / pair * pair;
    const std::int64_t most = fit < pair ? pair : fit, all = whole_vectors<I, C>(queries);
    block = most < all ? most : all;
  }
};

/// What backward needs for sequences up to `length`, of which shorter ones may have larger blocks;
/// forward needs less.
template <class I, class C>
IJEPA_INLINE std::int64_t attention_workspace(std::int64_t length, std::int64_t dim) {
  constexpr std::int64_t pair = 2 * lanes<I, C>;
  const std::int64_t cols = whole_vectors<I, C>(dim), block = whole_vectors<I, C>(length);
  const std::int64_t most = length * pair > score_block ? length * pair : score_block;
  const std::int64_t scores = length * block < most ? length * block : most;
  return 2 * scores + 4 * length * cols + 3 * block * cols + 2 * block * dim + 2 * block;
}

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

/// Rows of which whole vectors can be read or written.
template <class C>
struct VectorRows {
  C* data;
  std::int64_t stride;
};

/// Whether rows of n elements of T are that already where they lie.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE bool are_vectors(std::int64_t n) {
  return std::is_same_v<T, C> && n % lanes<I, C> == 0;
}

/// x (rows, n), or a copy in the type sums are made in, padded with zeros.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE VectorRows<const C> vector_rows(const T* x, std::int64_t stride, std::int64_t rows,
                                             std::int64_t n, Pieces<C>& pieces) {
  if constexpr (std::is_same_v<T, C>)
    if (are_vectors<I, T>(n)) return {x, stride};
  const std::int64_t cols = whole_vectors<I, C>(n);
  C* copy = pieces.take(rows * cols);
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < cols; j += lanes<I, C>) {
      const std::int64_t left = n - j;
      const T* from = x + i * stride + j;
      store<I>(left >= lanes<I, C> ? load<I>(from) : load_some<I>(from, left), copy + i * cols + j);
    }
  return {copy, cols};
}

/// Where rows of n elements of T are summed: in y itself, or in a piece that is stored afterwards.
template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE VectorRows<C> sum_rows_for(T* y, std::int64_t stride, std::int64_t rows,
                                        std::int64_t n, Pieces<C>& pieces) {
  if constexpr (std::is_same_v<T, C>)
    if (are_vectors<I, T>(n)) return {y, stride};
  const std::int64_t cols = whole_vectors<I, C>(n);
  return {pieces.take(rows * cols), cols};
}

template <class I, class T, class C = Accumulator<T>>
IJEPA_INLINE void store_sums(const VectorRows<C>& sums, std::int64_t rows, std::int64_t n, T* y,
                             std::int64_t stride) {
  if (are_vectors<I, T>(n)) return;
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < n; j += lanes<I, C>) {
      const Vec<I, C> v = load<I>(sums.data + i * sums.stride + j);
      T* to = y + i * stride + j;
      n - j >= lanes<I, C> ? store<I>(v, to) : store_some<I>(v, to, n - j);
    }
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

/// scores (length, lanes) <- exp(scores - their largest), query by query; the inverse of their sums
/// and the logarithm of the sums of exp(scores), (lanes) each.
template <class I, class C>
IJEPA_INLINE void exponentials(std::int64_t length, std::int64_t queries, C* scores, C* inverse,
                               C* log_sums) {
  using V = Vec<I, C>;
  for (std::int64_t j = 0; j < queries; j += lanes<I, C>) {
    V top[2] = {load<I>(scores + j), load<I>(scores + j)};
    std::int64_t i = 0;
    for (; i + 2 <= length; i += 2)
      for (int h = 0; h < 2; ++h) top[h] = max(top[h], load<I>(scores + (i + h) * queries + j));
    if (i < length) top[0] = max(top[0], load<I>(scores + i * queries + j));
    const V largest = max(top[0], top[1]);
    V sum{};
    for (i = 0; i < length; ++i) {
      const V e = exp<I>(V(load<I>(scores + i * queries + j) - largest));
      store<I>(e, scores + i * queries + j);
      sum += e;
    }
    store<I>(V(C(1) / sum), inverse + j);
    store<I>(V(largest + log<I>(sum)), log_sums + j);
  }
}

/// Bytes of the next sequence that may take the place of this one's in the first-level cache.
constexpr std::int64_t fetched_bytes = 24 * 1024;

/// Fetches one head's columns of rows that are read next: rows a stride apart are not foreseen.
template <class T>
IJEPA_INLINE void fetch_rows(const T* x, std::int64_t stride, std::int64_t rows, std::int64_t n) {
  constexpr auto line = static_cast<std::int64_t>(64 / sizeof(T));
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < n; j += line) __builtin_prefetch(x + i * stride + j);
}

/// The same of the sequence that lies behind this one, while this one is computed.
template <class T>
IJEPA_INLINE void fetch_next(const Head& h, const AttentionParts<const T>& x) {
  const auto bytes = static_cast<std::int64_t>(sizeof(T)) * h.dim * (2 * h.length + h.queries);
  if (bytes > fetched_bytes) return;
  fetch_rows(x.q + h.queries * x.q_stride, x.q_stride, h.queries, h.dim);
  fetch_rows(x.k + h.length * x.kv_stride, x.kv_stride, h.length, h.dim);
  fetch_rows(x.v + h.length * x.kv_stride, x.kv_stride, h.length, h.dim);
}

template <class C>
IJEPA_INLINE C score_scale(std::int64_t dim) {
  return C(1) / static_cast<C>(__builtin_sqrt(static_cast<double>(dim)));
}

template <class I, class T, class C = Accumulator<T>>
void attention_forward_head(const Head& h, const AttentionParts<const T>& all, C* workspace, T* out,
                            C* lse) {
  const AttentionShape<I, C> s(h.length, h.queries, h.dim);
  Pieces<C> pieces{workspace};
  const AttentionParts<const T> x = parts_at(h, all);
  fetch_next(h, x);
  const auto keys = vector_rows<I, T>(x.k, x.kv_stride, s.length, s.dim, pieces),
             values = vector_rows<I, T>(x.v, x.kv_stride, s.length, s.dim, pieces);
  C *queries = pieces.take(s.dim * s.block), *scores = pieces.take(s.length * s.block);
  C *inverse = pieces.take(s.block), *log_sums = pieces.take(s.block);
  for (std::int64_t first = 0; first < h.queries; first += s.block) {
    const std::int64_t rows = h.queries - first < s.block ? h.queries - first : s.block;
    const std::int64_t n = whole_vectors<I, C>(rows);
    transpose_rows<I, T>(x.q + first * x.q_stride, x.q_stride, rows, s.dim, score_scale<C>(s.dim),
                         n, queries);
    multiply_small<I, C>({s.length, n, s.dim, keys.data, keys.stride, 1, queries, n, scores, n});
    exponentials<I, C>(s.length, n, scores, inverse, log_sums);
    for (std::int64_t r = 0; r < rows; ++r)
      lse[(h.query + first + r) * h.heads + h.column / h.dim] = log_sums[r];
    T* o = out + (h.query + first) * h.width + h.column;
    Pieces<C> rest = pieces;
    const auto sums = sum_rows_for<I, T>(o, h.width, rows, s.dim, rest);
    multiply_small<I, C>({rows, s.cols, s.length, scores, 1, n, values.data, values.stride,
                          sums.data, sums.stride, inverse});
    store_sums<I, T>(sums, rows, s.dim, o, h.width);
  }
}

/// p (length, lanes) = exp(p - log_sums) and ds = scale p (ds - sum over rows of p ds).
template <class I, class C>
IJEPA_INLINE void score_gradients(std::int64_t length, std::int64_t queries, const C* log_sums,
                                  C scale, C* p, C* ds) {
  using V = Vec<I, C>;
  for (std::int64_t j = 0; j < queries; j += lanes<I, C>) {
    const V log_sum = load<I>(log_sums + j);
    V delta{};
    for (std::int64_t i = j; i < length * queries; i += queries) {
      const V weight = exp<I>(V(load<I>(p + i) - log_sum));
      store<I>(weight, p + i);
      delta += weight * load<I>(ds + i);
    }
    for (std::int64_t i = j; i < length * queries; i += queries)
      store<I>(V(load<I>(p + i) * (load<I>(ds + i) - delta) * scale), ds + i);
  }
}

template <class I, class T, class C = Accumulator<T>>
void attention_backward_head(const Head& h, const T* dout, const AttentionParts<const T>& all,
                             const C* lse, C* workspace, const AttentionParts<T>& gradients) {
  const AttentionShape<I, C> s(h.length, h.queries, h.dim);
  Pieces<C> pieces{workspace};
  const AttentionParts<const T> x = parts_at(h, all);
  const AttentionParts<T> dx = parts_at(h, gradients);
  fetch_next(h, x);
  const auto keys = vector_rows<I, T>(x.k, x.kv_stride, s.length, s.dim, pieces),
             values = vector_rows<I, T>(x.v, x.kv_stride, s.length, s.dim, pieces);
  const auto dk = sum_rows_for<I, T>(dx.k, dx.kv_stride, s.length, s.dim, pieces),
             dv = sum_rows_for<I, T>(dx.v, dx.kv_stride, s.length, s.dim, pieces);
  C *queries = pieces.take(s.dim * s.block), *douts = pieces.take(s.dim * s.block);
  C *p = pieces.take(s.length * s.block), *ds = pieces.take(s.length * s.block);
  C* log_sums = pieces.take(s.block);
  const C scale = score_scale<C>(s.dim);
  for (std::int64_t first = 0; first < h.queries; first += s.block) {
    const std::int64_t rows = h.queries - first < s.block ? h.queries - first : s.block;
    const std::int64_t n = whole_vectors<I, C>(rows);
    const T* q = x.q + first * x.q_stride;
    const T* d = dout + (h.query + first) * h.width + h.column;
    T* dq = dx.q + first * dx.q_stride;
    Pieces<C> rest = pieces;
    const auto rows_q = vector_rows<I, T>(q, x.q_stride, rows, s.dim, rest),
               rows_do = vector_rows<I, T>(d, h.width, rows, s.dim, rest);
    const auto sums_q = sum_rows_for<I, T>(dq, dx.q_stride, rows, s.dim, rest);
    for (std::int64_t r = 0; r < n; ++r)
      log_sums[r] = r < rows ? lse[(h.query + first + r) * h.heads + h.column / h.dim] : C(0);
    transpose_rows<I, T>(q, x.q_stride, rows, s.dim, scale, n, queries);
    transpose_rows<I, T>(d, h.width, rows, s.dim, C(1), n, douts);
    multiply_small<I, C>({s.length, n, s.dim, keys.data, keys.stride, 1, queries, n, p, n});
    multiply_small<I, C>({s.length, n, s.dim, values.data, values.stride, 1, douts, n, ds, n});
    score_gradients<I, C>(s.length, n, log_sums, scale, p, ds);
    const auto add_to = [&](const C* scores, const VectorRows<const C>& b, const VectorRows<C>& y) {
      multiply_small<I, C>({s.length, s.cols, rows, scores, n, 1, b.data, b.stride, y.data,
                            y.stride, nullptr, first > 0 ? y.data : nullptr, y.stride});
    };
    add_to(p, rows_do, dv);
    add_to(ds, rows_q, dk);
    multiply_small<I, C>(
        {rows, s.cols, s.length, ds, 1, n, keys.data, keys.stride, sums_q.data, sums_q.stride});
    store_sums<I, T>(sums_q, rows, s.dim, dq, dx.q_stride);
  }
  store_sums<I, T>(dk, s.length, s.dim, dx.k, dx.kv_stride);
  store_sums<I, T>(dv, s.length, s.dim, dx.v, dx.kv_stride);
}

}  // namespace ijepa::cpu
