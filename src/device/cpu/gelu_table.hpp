// Phi and the slope of GELU as polynomials on pieces of [0, 6.2], whose coefficients a processor
// finds in registers: 32 pieces of degree 4 with AVX-512, 8 of degree 6 and 7 with AVX2. Half the
// work of erf and exp, errors of 1e-7. Both are 1/2 plus an odd function, tabulated for x >= 0.
#pragma once
#include <immintrin.h>

#include <array>
#include <cstdint>
#include <numbers>

namespace ijepa::cpu {

/// Piece i is about (i + first) / in_one; terms are those of Phi's and the slope's polynomials.
template <int Floats>
struct GeluPieces;
template <>
struct GeluPieces<16> {
  static constexpr int count = 32, cdf_terms = 5, slope_terms = 5;
  static constexpr double in_one = 5, first = 0;
};
template <>
struct GeluPieces<8> {
  static constexpr int count = 8, cdf_terms = 7, slope_terms = 8;
  static constexpr double in_one = 8 / 6.2, first = 0.5;
};

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

/// Coefficients of each power of u = in_one x - first - piece, in [-1/2, 1/2], piece by piece.
template <class Pieces, int Terms>
using GeluTable = std::array<std::array<float, Pieces::count>, Terms>;

/// sin x for |x| <= pi/2, which is no constant in the C library.
constexpr double constant_sine(double x) {
  double term = x, sum = x;
  for (int n = 3; n < 40; n += 2) sum += term *= -x * x / (n * (n - 1));
  return sum;
}

/// Chebyshev's points of [-1/2, 1/2].
template <int Terms>
constexpr std::array<double, Terms> chebyshev_points() {
  std::array<double, Terms> points{};
  for (int i = 0; i < Terms; ++i)
    points[static_cast<std::size_t>(i)] =
        constant_sine((2 * i + 1 - Terms) * std::numbers::pi / (2 * Terms)) / 2;
  return points;
}

/// The polynomials that are f at Chebyshev's points of each piece, from divided differences.
template <class Pieces, int Terms>
constexpr GeluTable<Pieces, Terms> gelu_table(double (*f)(double)) {
  constexpr std::array points = chebyshev_points<Terms>();
  constexpr auto terms = static_cast<std::size_t>(Terms);
  GeluTable<Pieces, Terms> table{};
  for (std::size_t piece = 0; piece < Pieces::count; ++piece) {
    std::array<double, terms> d{}, c{};
    for (std::size_t i = 0; i < terms; ++i)
      d[i] = f((static_cast<double>(piece) + Pieces::first + points[i]) / Pieces::in_one);
    for (std::size_t j = 1; j < terms; ++j)
      for (std::size_t i = terms - 1; i >= j; --i)
        d[i] = (d[i] - d[i - 1]) / (points[i] - points[i - j]);
    for (std::size_t i = terms; i-- > 0;) {  // c = c (u - points[i]) + d[i]
      for (std::size_t j = terms - 1; j > 0; --j) c[j] = c[j - 1] - points[i] * c[j];
      c[0] = d[i] - points[i] * c[0];
    }
    for (std::size_t j = 0; j < terms; ++j) table[j][piece] = static_cast<float>(c[j]);
  }
  return table;
}

template <class Pieces>
alignas(64) inline constexpr auto cdf_table = gelu_table<Pieces, Pieces::cdf_terms>(constant_cdf);
template <class Pieces>
alignas(64) inline constexpr auto slope_table =
    gelu_table<Pieces, Pieces::slope_terms>(constant_slope);

/// Of each lane the element of a row that the low bits of `piece` name.
template <class V>
__attribute__((always_inline)) inline V chosen(const float* row, V piece) {
  if constexpr (sizeof(V) == 32)
    return V(_mm256_permutevar8x32_ps(_mm256_load_ps(row), reinterpret_cast<__m256i>(piece)));
  else
    return V(_mm512_permutex2var_ps(_mm512_load_ps(row), reinterpret_cast<__m512i>(piece),
                                    _mm512_load_ps(row + 16)));
}

/// 1/2 plus the odd function of a table, of as many floats as a vector has. Beyond 6.2 it is 0 or
/// 1, of NaN NaN.
template <class Pieces, class Table, class V>
__attribute__((always_inline)) inline V odd_about_half(const Table& table, V x) {
  typedef std::int32_t Bits __attribute__((vector_size(sizeof(V))));
  constexpr auto in_one = static_cast<float>(Pieces::in_one),
                 first = static_cast<float>(Pieces::first);
  // The last piece's end where it has one, for the place of a larger x is none.
  const V most = V{} + (static_cast<float>(Pieces::count) - 1 + 0.9999F * first);
  const Bits sign = reinterpret_cast<Bits>(x) & INT32_MIN;
  const V magnitude = reinterpret_cast<V>(reinterpret_cast<Bits>(x) ^ sign);
  const V scaled = magnitude * in_one - first;
  const V place = scaled > most ? most : scaled;
  // Adding 1.5 * 2^23 leaves the nearest whole number in the low bits, which name the piece.
  const V shifted = place + 12582912.0F;
  const V u = place - (shifted - 12582912.0F);
  V p = chosen(table.back().data(), shifted);
#pragma GCC unroll 8
  for (int i = std::tuple_size_v<Table> - 2; i >= 0; --i)
    p = p * u + chosen(table[static_cast<std::size_t>(i)].data(), shifted);
  return 0.5F + reinterpret_cast<V>(reinterpret_cast<Bits>(p) | sign);
}

}  // namespace ijepa::cpu
