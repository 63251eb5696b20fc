// Kernels that read memory once: GELU, layer norm rows, AdamW with EMA and bfloat16 copies.
#pragma once
#include "kernels.hpp"
#include "math_kernel.hpp"
#include "panels.hpp"

namespace ijepa::cpu {

/// Calls f(offset, elements) for [0, n) in vectors; the last may be partial.
template <class I, class C, class F>
IJEPA_INLINE void for_each_vector(std::int64_t n, F&& f) {
  std::int64_t i = 0;
  for (; i + lanes<I, C> <= n; i += lanes<I, C>) f(i, std::int64_t{lanes<I, C>});
  if (i < n) f(i, n - i);
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

/// Rows of x that are there.
template <class I, class X>
struct GivenRows {
  const X* x;
  std::int64_t cols;

  IJEPA_INLINE auto of(std::int64_t i) const {
    return [row = x + i * cols](std::int64_t j, std::int64_t n) __attribute__((always_inline)) {
      return load_up_to<I, Accumulator<X>>(row + j, n);
    };
  }
};

/// Rows of x that are formed as they are read.
template <class I, class X, class B>
struct SummedRows {
  X* x;
  std::int64_t cols;
  const BranchSum& sum;
  const B* branch;

  IJEPA_INLINE auto of(std::int64_t i) const {
    using C = Accumulator<X>;
    const X* residual = static_cast<const X*>(sum.residual.data) + i * cols;
    return [ row = x + i * cols, residual, b = branch + i * cols, scale = scale_of(i) ](
        std::int64_t j, std::int64_t n) __attribute__((always_inline)) {
      const Vec<I, C> v = load_up_to<I, C>(residual + j, n) + load_up_to<I, C>(b + j, n) * scale;
      store_up_to<I, C>(v, row + j, n);
      return as_stored<I, X>(v);
    };
  }

 private:
  IJEPA_INLINE Accumulator<X> scale_of(std::int64_t i) const {
    using C = Accumulator<X>;
    if (sum.scale.empty()) return C(1);
    return static_cast<const C*>(
        sum.scale.data)[static_cast<const std::int32_t*>(sum.row_sequence.data)[i]];
  }
};

/// y = (x - mean) rstd w + b of one row; the mean first, then the variance about it. values(j, n)
/// is called first: n elements of x from j on.
template <class I, class X, class Y, class Values, class C = Accumulator<X>>
IJEPA_INLINE void layer_norm_row(const X* x, const Values& values, const C* w, const C* b,
                                 double epsilon, std::int64_t cols, Y* y, C& mean, C& rstd) {
  using V = Vec<I, C>;
  V sum{}, squares{};
  for_each_vector<I, C>(
      cols, [&](std::int64_t j, std::int64_t n)
                __attribute__((always_inline)) { sum += values(j, n); });
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

/// sum (cols) = the sum of rows [0, count) of x, or of rows index[0], index[1], ... of it.
template <class I, class X, class C = Accumulator<X>>
void sum_of_rows(const X* x, const std::int32_t* index, std::int64_t count, std::int64_t cols,
                 C* sum) {
  constexpr int together = 4;  // vectors whose sums stay in registers
  using V = Vec<I, C>;
  const auto row = [&](std::int64_t i) { return x + (index != nullptr ? index[i] : i) * cols; };
  std::int64_t j = 0;
  for (; j + together * lanes<I, C> <= cols; j += together * lanes<I, C>) {
    V s[together] = {};
    for (std::int64_t i = 0; i < count; ++i)
      for (int v = 0; v < together; ++v) s[v] += load<I>(row(i) + j + v * lanes<I, C>);
    for (int v = 0; v < together; ++v) store<I>(s[v], sum + j + v * lanes<I, C>);
  }
  for (; j < cols; j += lanes<I, C>) {
    V s{};
    for (std::int64_t i = 0; i < count; ++i) s += load_up_to<I, C>(row(i) + j, cols - j);
    store_up_to<I, C>(s, sum + j, cols - j);
  }
}

/// The sum over the lanes of f(lane as double), in as many partial sums as a vector has doubles.
template <class I, class F>
IJEPA_INLINE Vec<I, double> sum_of_lanes(Vec<I, double> v, F&& f) {
  return f(v);
}
template <class I, class F>
IJEPA_INLINE Vec<I, double> sum_of_lanes(Vec<I, float> v, F&& f) {
  typename VectorOf<float, I::bytes / 2>::type half[2];
  __builtin_memcpy(half, &v, sizeof v);
  return f(__builtin_convertvector(half[0], Vec<I, double>)) +
         f(__builtin_convertvector(half[1], Vec<I, double>));
}

template <class I, class X, class C = Accumulator<X>>
double sum_of_squares(const X* x, std::int64_t n) {
  Vec<I, double> sum{};
  for_each_vector<I, C>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        sum += sum_of_lanes<I>(
            load_up_to<I, C>(x + i, count),
            [](Vec<I, double> v) __attribute__((always_inline)) { return v * v; });
      });
  return sum_lanes<I, double>(sum);
}

/// y = a x + b y, not reading y where b is 0.
template <class I, class X, class Y, class C = Accumulator<X>>
void scaled_sum_of(C a, const X* x, C b, Y* y, std::int64_t n) {
  for_each_vector<I, C>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        auto v = load_up_to<I, C>(x + i, count) * a;
        if (b != C(0)) v += load_up_to<I, C>(y + i, count) * b;
        store_up_to<I, C>(v, y + i, count);
      });
}

/// The sum of smooth_l1(x - target); dx is its gradient times scale.
template <class I, class X, class D, class C = Accumulator<X>>
double smooth_l1_row(const X* x, const C* target, std::int64_t n, C scale, D* dx) {
  using V = Vec<I, C>;
  Vec<I, double> sum{};
  for_each_vector<I, C>(
      n, [&](std::int64_t i, std::int64_t count) __attribute__((always_inline)) {
        const V d = load_up_to<I, C>(x + i, count) - load_up_to<I, C>(target + i, count);
        const V one = splat<I>(C(1)), size = max<V>(d, -d);
        const V loss = size < one ? d * d * C(0.5) : size - C(0.5);  // of NaN NaN
        store_up_to<I, C>(V((d < -one ? -one : d > one ? one : d) * scale), dx + i, count);
        sum += sum_of_lanes<I>(
            loss, [](Vec<I, double> v) __attribute__((always_inline)) { return v; });
      });
  return sum_lanes<I, double>(sum);
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
