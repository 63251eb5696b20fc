// exp, log and GELU of vectors. float32: polynomials, errors of a few units in the last place
// (tests/device/math_test.cpp measures them); float64: the C library, lane by lane.
#pragma once
#include "gelu_table.hpp"
#include "simd.hpp"

namespace ijepa::cpu {

/// e^x for float32; 0 below -87, 2^127 or more above 88. Cephes' expf: x = n ln 2 + r, then a
/// polynomial in r of degree 7.
template <class I>
IJEPA_INLINE Vec<I, float> exp(Vec<I, float> x) {
  using V = Vec<I, float>;
  using U = Vec<I, std::int32_t>;
  const V clamped = min<V>(max<V>(x, splat<I>(-87.3F)), splat<I>(88.0F));
  // Adding 1.5 * 2^23 leaves the rounded integer in the low bits.
  const V shifted = clamped * 1.44269504088896341F + 12582912.0F;
  const V n = shifted - 12582912.0F;
  const V r = clamped - n * 0.693359375F + n * 2.12194440e-4F;
  V p = r * 1.9875691500e-4F + 1.3981999507e-3F;
  p = p * r + 8.3334519073e-3F;
  p = p * r + 4.1665795894e-2F;
  p = p * r + 1.6666665459e-1F;
  p = p * r + 5.0000001201e-1F;
  p = p * r * r + r + 1.0F;
  const U exponent = (reinterpret_cast<U>(shifted) - 0x4B400000) << 23;
  const V y = reinterpret_cast<V>(reinterpret_cast<U>(p) + exponent);
  return x < -87.3F ? V{} : (x != x) ? x : y;
}

template <class I>
IJEPA_INLINE Vec<I, double> exp(Vec<I, double> x) {
  for (int i = 0; i < lanes<I, double>; ++i) x[i] = __builtin_exp(x[i]);
  return x;
}

/// ln x for float32, x > 0 and normal: Cephes' logf. x = 2^n m with m in [sqrt(1/2), sqrt(2)), then
/// a polynomial in m - 1.
template <class I>
IJEPA_INLINE Vec<I, float> log(Vec<I, float> x) {
  using V = Vec<I, float>;
  using U = Vec<I, std::int32_t>;
  constexpr float coefficients[] = {7.0376836292e-2F,  -1.1514610310e-1F, 1.1676998740e-1F,
                                    -1.2420140846e-1F, 1.4249322787e-1F,  -1.6668057665e-1F,
                                    2.0000714765e-1F,  -2.4999993993e-1F, 3.3333331174e-1F};
  constexpr std::int32_t least = 0x3F3504F3;  // sqrt(1/2)
  const U bits = reinterpret_cast<U>(x), exponent = (bits - least) >> 23;
  const V m = reinterpret_cast<V>(bits - (exponent << 23)) - 1.0F, z = m * m;
  const V n = __builtin_convertvector(exponent, V);
  V p = splat<I>(coefficients[0]);
#pragma GCC unroll 8
  for (int i = 1; i < 9; ++i) p = p * m + coefficients[i];
  p = p * m * z - n * 2.12194440e-4F - z * 0.5F;
  return x == x ? V(m + p + n * 0.693359375F) : x;
}

template <class I>
IJEPA_INLINE Vec<I, double> log(Vec<I, double> x) {
  for (int i = 0; i < lanes<I, double>; ++i) x[i] = __builtin_log(x[i]);
  return x;
}

template <class I, class V>
IJEPA_INLINE V square_root(V x) {
  for (std::size_t i = 0; i < sizeof(V) / sizeof(x[0]); ++i)
    x[i] = static_cast<std::remove_reference_t<decltype(x[0])>>(
        sizeof(x[0]) == 4 ? __builtin_sqrtf(static_cast<float>(x[i]))
                          : __builtin_sqrt(static_cast<double>(x[i])));
  return x;
}

/// Phi(x), the normal distribution function.
template <class I>
IJEPA_INLINE Vec<I, float> normal_cdf(Vec<I, float> x) {
  using Pieces = GeluPieces<lanes<I, float>>;
  return odd_about_half<Pieces>(cdf_table<Pieces>, x);
}

template <class I>
IJEPA_INLINE Vec<I, double> normal_cdf(Vec<I, double> x) {
  for (int i = 0; i < lanes<I, double>; ++i)
    x[i] = 0.5 + 0.5 * __builtin_erf(x[i] * 0.70710678118654752440);
  return x;
}

template <class I, class V>
IJEPA_INLINE V gelu(V x) {
  return x * normal_cdf<I>(x);
}

/// Phi(x) + x phi(x), given Phi(x).
template <class I>
IJEPA_INLINE Vec<I, float> gelu_gradient(Vec<I, float> x, Vec<I, float>) {
  using Pieces = GeluPieces<lanes<I, float>>;
  return odd_about_half<Pieces>(slope_table<Pieces>, x);
}

template <class I>
IJEPA_INLINE Vec<I, double> gelu_gradient(Vec<I, double> x, Vec<I, double> cdf) {
  const Vec<I, double> density = exp<I>(Vec<I, double>(x * x * -0.5)) * 0.39894228040143267794;
  return cdf + x * density;
}

}  // namespace ijepa::cpu
