// Kernels that read memory once: GELU, layer norm rows, AdamW with EMA and bfloat16 copies.
#pragma once
#include "gemm_tile.hpp"
#include "kernels.hpp"
#include "math_kernel.hpp"

namespace ijepa::cpu {

/// Calls f(offset, elements) for [0, n) in vectors; the last may be partial.
template <class I, class C, class F>
IJEPA_INLINE void for_each_vector(std::int64_t n, F&& f) {
  std::int64_t i = 0;
  for (; i + lanes<I, C> <= n; i += lanes<I, C>) f(i, std::int64_t{lanes<I, C>});
  if (i < n) f(i, n - i);
}

template <class I, class C, class T>
IJEPA_INLINE Vec<I, C> load_up_to(const T* p, std::int64_t count) {
  return count == lanes<I, C> ? load<I>(p) : load_some<I>(p, count);
}

template <class I, class C, class T>
IJEPA_INLINE void store_up_to(Vec<I, C> v, T* p, std::int64_t count) {
  count == lanes<I, C> ? store<I>(v, p) : store_some<I>(v, p, count);
}

template <class I, class X, class Y, class C = Accumulator<X>>
void gelu_forward_range(const X* x, std::int64_t n, Y* y) {
  for_each_vector<I, C>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        store_up_to<I, C>(gelu<I>(load_up_to<I, C>(x + i, count)), y + i, count);
      });
}

template <class I, class X, class Y, class C = Accumulator<X>>
void gelu_backward_range(const X* x, std::int64_t n, Y* dy, Y* y) {
  for_each_vector<I, C>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        // x was written long before: what is needed next is fetched while this is computed.
        __builtin_prefetch(x + i + 16 * lanes<I, C>);
        const auto v = load_up_to<I, C>(x + i, count);
        const auto cdf = normal_cdf<I>(v);
        if (y != nullptr) store_up_to<I, C>(v * cdf, y + i, count);
        const auto slope = gelu_gradient<I>(v, cdf);
        store_up_to<I, C>(load_up_to<I, C>(dy + i, count) * slope, dy + i, count);
      });
}

/// y = (x - mean) rstd w + b of one row; the mean first, then the variance about it.
template <class I, class X, class Y, class C = Accumulator<X>>
IJEPA_INLINE void layer_norm_row(const X* x, const C* w, const C* b, double epsilon,
                                 std::int64_t cols, Y* y, C& mean, C& rstd) {
  using V = Vec<I, C>;
  V sum{}, squares{};
  for_each_vector<I, C>(
      cols, [&](std::int64_t j, std::int64_t n)
                __attribute__((always_inline)) { sum += load_up_to<I, C>(x + j, n); });
  mean = sum_lanes<I, C>(sum) / static_cast<C>(cols);
  for_each_vector<I, C>(
      cols, [&](std::int64_t j, std::int64_t n) __attribute__((always_inline)) {
        const V d = load_up_to<I, C>(x + j, n) - splat<I>(mean);
        squares += n == lanes<I, C> ? V(d * d) : first_lanes<I, C>(V(d * d), n);
      });
  const C variance = sum_lanes<I, C>(squares) / static_cast<C>(cols);
  rstd = static_cast<C>(1 / __builtin_sqrt(static_cast<double>(variance) + epsilon));
  for_each_vector<I, C>(
      cols, [&](std::int64_t j, std::int64_t n) __attribute__((always_inline)) {
        V xh = (load_up_to<I, C>(x + j, n) - splat<I>(mean)) * rstd;
        if (w != nullptr) xh = xh * load_up_to<I, C>(w + j, n) + load_up_to<I, C>(b + j, n);
        store_up_to<I, C>(xh, y + j, n);
      });
}

/// dx += rstd (g - mean(g) - xh mean(g xh)) of one row, with g = dy w; dw += dy xh; db += dy.
template <class I, class Y, class X, class D, class C = Accumulator<X>>
IJEPA_INLINE void layer_norm_backward_row(const Y* dy, const X* x, const C* w, C mean, C rstd,
                                          std::int64_t cols, D* dx, C* dw, C* db) {
  using V = Vec<I, C>;
  V sum_g{}, sum_gx{};
  for_each_vector<I, C>(
      cols, [&](std::int64_t j, std::int64_t n) __attribute__((always_inline)) {
        const V xh = (load_up_to<I, C>(x + j, n) - splat<I>(mean)) * rstd;
        const V d = load_up_to<I, C>(dy + j, n);  // zero past the row's end, as all sums need it
        const V g = d * load_up_to<I, C>(w + j, n);
        sum_g += g;
        sum_gx += g * xh;
        store_up_to<I, C>(load_up_to<I, C>(dw + j, n) + d * xh, dw + j, n);
        store_up_to<I, C>(load_up_to<I, C>(db + j, n) + d, db + j, n);
      });
  const C mean_g = sum_lanes<I, C>(sum_g) / static_cast<C>(cols);
  const C mean_gx = sum_lanes<I, C>(sum_gx) / static_cast<C>(cols);
  for_each_vector<I, C>(
      cols, [&](std::int64_t j, std::int64_t n) __attribute__((always_inline)) {
        const V xh = (load_up_to<I, C>(x + j, n) - splat<I>(mean)) * rstd;
        const V g = load_up_to<I, C>(dy + j, n) * load_up_to<I, C>(w + j, n);
        const V d = (g - splat<I>(mean_g) - xh * mean_gx) * rstd;
        store_up_to<I, C>(load_up_to<I, C>(dx + j, n) + d, dx + j, n);
      });
}

/// One chunk of parameters. Null pointers: no EMA, no copies.
template <class I, class C>
IJEPA_INLINE void adamw_chunk(const AdamWRange<C>& r, const AdamWFactors<C>& f,
                              std::int64_t chunk) {
  using V = Vec<I, C>;
  const auto root = [](V x) __attribute__((always_inline)) {
    return square_root<I>(x);
  };
  const C decay = C(r.decay[chunk]);
  for (std::int64_t i = chunk * parameter_chunk; i < (chunk + 1) * parameter_chunk;
       i += lanes<I, C>) {
    V w = load<I>(r.weight + i), m = load<I>(r.m + i), v = load<I>(r.v + i);
    adamw(w, m, v, load<I>(r.gradient + i), decay, f, root);
    store<I>(m, r.m + i);
    store<I>(v, r.v + i);
    store<I>(w, r.weight + i);
    if (r.working != nullptr) store<I>(w, r.working + i);
    if (r.target == nullptr) continue;
    V t = load<I>(r.target + i);
    ema(t, w, f);
    store<I>(t, r.target + i);
    if (r.target_working != nullptr) store<I>(t, r.target_working + i);
  }
}

}  // namespace ijepa::cpu
