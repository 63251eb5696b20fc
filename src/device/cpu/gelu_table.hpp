// Phi and the slope of GELU as polynomials of degree 4 on pieces of a fifth, of which a processor
// with AVX-512 finds the coefficients in registers. Half the work of the polynomials of
// math_kernel.hpp, errors below 1e-7. Both are 1/2 plus an odd function, tabulated for x >= 0.
#pragma once
#include <immintrin.h>

#include <array>

namespace ijepa::cpu {

constexpr int gelu_pieces = 32, gelu_terms = 5;
constexpr double gelu_pieces_in_one = 5;

/// e^x for x <= 0: the tests of numbers need no more, and the C library's is no constant.
constexpr double constant_exp(double x) {
  double power = 1 + x / 4096 * (1 + x / 8192 * (1 + x / 12288 * (1 + x / 16384)));
  for (int i = 0; i < 12; ++i) power *= power;
  return power;
}

/// phi(x), the normal density.
constexpr double constant_density(double x) {
  return 0.39894228040143267794 * constant_exp(-x * x / 2);
}

/// Phi(x) - 1/2, by its series phi(x) (x + x^3 / 3 + x^5 / (3 5) + ...), whose terms are all of one
/// sign.
constexpr double constant_cdf(double x) {
  double term = x, sum = x;
  for (int n = 3; n < 300; n += 2) sum += term *= x * x / n;
  return constant_density(x) * sum;
}

/// The slope of x Phi(x), less 1/2.
constexpr double constant_slope(double x) {
  return constant_cdf(x) + x * constant_density(x);
}

/// Coefficients of each power of u = 5 x - piece, in [-1/2, 1/2], piece by piece.
using GeluTable = std::array<std::array<float, gelu_pieces>, gelu_terms>;

/// The polynomials that are f at Chebyshev's points of each piece, from divided differences.
constexpr GeluTable gelu_table(double (*f)(double)) {
  constexpr std::array points{-0.475528258147576786, -0.293892626146236566, 0.0,
                              0.293892626146236566, 0.475528258147576786};
  GeluTable table{};
  for (std::size_t piece = 0; piece < gelu_pieces; ++piece) {
    std::array<double, gelu_terms> d{}, c{};
    for (std::size_t i = 0; i < gelu_terms; ++i)
      d[i] = f((static_cast<double>(piece) + points[i]) / gelu_pieces_in_one);
    for (std::size_t j = 1; j < gelu_terms; ++j)
      for (std::size_t i = gelu_terms - 1; i >= j; --i)
        d[i] = (d[i] - d[i - 1]) / (points[i] - points[i - j]);
    for (std::size_t i = gelu_terms; i-- > 0;) {  // c = c (u - points[i]) + d[i]
      for (std::size_t j = gelu_terms - 1; j > 0; --j) c[j] = c[j - 1] - points[i] * c[j];
      c[0] = d[i] - points[i] * c[0];
    }
    for (std::size_t j = 0; j < gelu_terms; ++j) table[j][piece] = static_cast<float>(c[j]);
  }
  return table;
}

alignas(64) inline constexpr GeluTable cdf_table = gelu_table(constant_cdf),
                                       slope_table = gelu_table(constant_slope);

/// 1/2 plus the odd function of a table, of 16 floats. Beyond 6.2 it is 0 or 1, of NaN NaN.
template <class V>
__attribute__((always_inline)) inline V odd_about_half(const GeluTable& table, V x) {
  const V most = V{} + 31.0F, magnitude = reinterpret_cast<V>(_mm512_abs_ps(x));
  const V scaled = magnitude * static_cast<float>(gelu_pieces_in_one);
  const V place = scaled > most ? most : scaled;
  // Adding 1.5 * 2^23 leaves the nearest whole number in the low bits, which name the piece.
  const V shifted = place + 12582912.0F;
  const V u = place - (shifted - 12582912.0F);
  const __m512i piece = reinterpret_cast<__m512i>(shifted);
  const auto coefficient = [&](int power) __attribute__((always_inline)) {
    const float* row = table[static_cast<std::size_t>(power)].data();
    return V(_mm512_permutex2var_ps(_mm512_load_ps(row), piece, _mm512_load_ps(row + 16)));
  };
  V p = coefficient(gelu_terms - 1);
#pragma GCC unroll 4
  for (int i = gelu_terms - 2; i >= 0; --i) p = p * u + coefficient(i);
  return 0.5F + reinterpret_cast<V>(_mm512_or_ps(p, _mm512_and_ps(x, _mm512_set1_ps(-0.0F))));
}

}  // namespace ijepa::cpu
