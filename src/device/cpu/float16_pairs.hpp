// Operands of products in pairs: float32 numbers scaled by powers of two and rounded to float16,
// neighbours of k beside each other in one element of 32 bits. The processor spreads 32 bits over a
// vector while it loads them; 16 bits it would have to shuffle.
#pragma once
#include <immintrin.h>

#include "panels.hpp"

namespace ijepa::cpu {

/// AVX-512 with FP16, tiles as Avx512's. A type of its own, so that nothing that is compiled for it
/// is linked into code for other processors.
struct Avx512Fp16 {
  static constexpr int bytes = 64, tile_vectors = 3, tile_rows[] = {12, 12, 9};
};

using Pair = std::uint32_t;

/// Binary exponent that scaled operands stay below: no chain of products overflows,
/// and what is smaller than the largest by 2^18 keeps all bits.
constexpr std::int32_t scaled_exponent = 4;

IJEPA_INLINE std::int64_t pairs_of(std::int64_t k) {
  return (k + 1) / 2;
}

template <class I>
IJEPA_INLINE Vec<I, float> magnitude(Vec<I, float> v) {
  return reinterpret_cast<Vec<I, float>>(reinterpret_cast<Vec<I, Pair>>(v) & 0x7fffffffU);
}

/// Powers of two that take numbers below 2^scaled_exponent, and their inverses.
template <class I>
struct Scales {
  Vec<I, float> value, inverse;
};

/// Those of the largest magnitudes of some numbers, within limits in which the inverses of two of
/// them have a product.
template <class I>
IJEPA_INLINE Scales<I> scales_of(Vec<I, float> largest) {
  using E = Vec<I, std::int32_t>;
  constexpr std::int32_t bias = 127, most = 60;
  // largest < 2^(exponent + 1)
  const E exponent = (reinterpret_cast<E>(largest) >> 23) - bias;
  const E wanted = max(min(scaled_exponent - 1 - exponent, splat<I>(most)), splat<I>(-most));
  return {reinterpret_cast<Vec<I, float>>((bias + wanted) << 23),
          reinterpret_cast<Vec<I, float>>((bias - wanted) << 23)};
}

/// Rounded to float16. (GCC 12 made single conversions of __builtin_convertvector here.)
template <class I>
IJEPA_INLINE __m256h halves_of(Vec<I, float> v) {
  return _mm512_cvtxps_ph(reinterpret_cast<__m512>(v));
}

/// Neighbours of one row: half as many pairs as lanes.
template <class I>
IJEPA_INLINE void store_halves(Vec<I, float> v, Pair* pairs) {
  const __m256h halves = halves_of<I>(v);
  __builtin_memcpy(pairs, &halves, sizeof halves);
}

template <class I>
using BitsOfHalves = typename VectorOf<std::uint16_t, I::bytes / 2>::type;

/// Pairs of an even and an odd neighbour.
template <class I>
IJEPA_INLINE Vec<I, Pair> pair_up(Vec<I, float> even, Vec<I, float> odd) {
  const auto widened = [](Vec<I, float> v) __attribute__((always_inline)) {
    return __builtin_convertvector(reinterpret_cast<BitsOfHalves<I>>(halves_of<I>(v)),
                                   Vec<I, Pair>);
  };
  return widened(even) | widened(odd) << 16;
}

template <class I>
IJEPA_INLINE void store_pairs(Vec<I, Pair> v, Pair* pairs) {
  __builtin_memcpy(pairs, &v, sizeof v);
}

/// The sum of the two halves of every pair.
template <class I>
IJEPA_INLINE Vec<I, float> sum_of_halves(__m512h pairs) {
  const auto widened = [](Vec<I, Pair> v) __attribute__((always_inline)) {
    return reinterpret_cast<Vec<I, float>>(
        _mm512_cvtxph_ps(reinterpret_cast<__m256h>(__builtin_convertvector(v, BitsOfHalves<I>))));
  };
  const auto bits = reinterpret_cast<Vec<I, Pair>>(pairs);
  return widened(bits) + widened(bits >> 16);
}

/// Rows of a in pairs, each row times its scale, and the inverses of these.
struct RowsOfPairs {
  const Pair* data;
  std::int64_t row, col;  // strides
  const float* inverse;
  const char *next = nullptr, *next_end = nullptr;  // what of a comes after them
};

/// The largest magnitudes of (lines, length) numbers, in the lanes that they lie in.
template <class I>
IJEPA_INLINE Vec<I, float> largest_of(const float* x, std::int64_t stride, std::int64_t lines,
                                      std::int64_t length) {
  constexpr std::int64_t n = lanes<I, float>, ahead = 16;
  Vec<I, float> largest{};
  for (std::int64_t i = 0; i < lines; ++i, x += stride)
    for (std::int64_t j = 0; j < length; j += n) {
      // Parts of lines: the processor does not foresee them.
      __builtin_prefetch(x + ahead * stride + j);
      largest = max(largest, magnitude<I>(load_up_to<I, float>(x + j, length - j)));
    }
  return largest;
}

template <class I>
IJEPA_INLINE float largest_lane(Vec<I, float> v) {
  return fold_lanes<I, float>(
      v, [](auto x, auto y) __attribute__((always_inline)) { return max(x, y); });
}

/// Rows of a that lie in memory one behind the other.
template <class I>
RowsOfPairs pair_lines(const float* a, std::int64_t stride, std::int64_t rows, std::int64_t depth,
                       float* inverses, Pair* pairs) {
  constexpr std::int64_t n = lanes<I, float>;
  const std::int64_t length = whole_vectors<I, float>(depth) / 2;
  for (std::int64_t first = 0; first < rows; first += n) {
    const std::int64_t count = rows - first < n ? rows - first : n;
    float scales[n] = {};
    for (std::int64_t i = 0; i < count; ++i)
      scales[i] = largest_lane<I>(largest_of<I>(a + (first + i) * stride, 0, 1, depth));
    const Scales<I> s = scales_of<I>(load<I>(scales));
    store<I>(s.value, scales);
    store<I>(s.inverse, inverses + first);
    for (std::int64_t i = 0; i < count; ++i)
      for (std::int64_t l = 0; l < depth; l += n)
        store_halves<I>(load_up_to<I, float>(a + (first + i) * stride + l, depth - l) * scales[i],
                        pairs + (first + i) * length + l / 2);
  }
  return {pairs, length, 1, inverses};
}

/// Rows of a that lie in memory side by side.
template <class I>
RowsOfPairs pair_columns(const float* a, std::int64_t stride, std::int64_t rows, std::int64_t depth,
                         float* inverses, Pair* pairs) {
  constexpr std::int64_t n = lanes<I, float>;
  const std::int64_t length = whole_vectors<I, float>(rows);
  for (std::int64_t i = 0; i < rows; i += n) {
    const std::int64_t count = rows - i;
    const Scales<I> s = scales_of<I>(largest_of<I>(a + i, stride, depth, count < n ? count : n));
    store<I>(s.inverse, inverses + i);
    for (std::int64_t l = 0; l < depth; l += 2) {
      const float* even = a + l * stride + i;
      const Vec<I, float> odd =
          l + 1 < depth ? load_up_to<I, float>(even + stride, count) * s.value : Vec<I, float>{};
      store_pairs<I>(pair_up<I>(load_up_to<I, float>(even, count) * s.value, odd),
                     pairs + l / 2 * length + i);
    }
  }
  return {pairs, 1, length, inverses};
}

/// A panel of b in pairs, times its scale, whose inverse it returns.
template <class I>
float pack_pair_panel(const float* b, std::int64_t row_stride, std::int64_t col_stride,
                      std::int64_t k, std::int64_t width, std::int64_t cols, Pair* panel) {
  constexpr std::int64_t n = lanes<I, float>, at_once = n;
  if (width > cols) width = cols;
  const Vec<I, float> largest = col_stride == 1 ? largest_of<I>(b, row_stride, k, width)
                                                : largest_of<I>(b, col_stride, width, k);
  const Scales<I> s = scales_of<I>(splat<I>(largest_lane<I>(largest)));
  float part[at_once * n * I::tile_vectors];
  for (std::int64_t l = 0; l < k; l += at_once) {
    const std::int64_t count = k - l < at_once ? k - l : at_once;
    if (count % 2 == 1)
      for (std::int64_t j = 0; j < cols; j += n) store<I>(Vec<I, float>{}, part + count * cols + j);
    pack_panel<I, float>(b + l * row_stride, row_stride, col_stride, count, width, cols, part);
    for (std::int64_t i = 0; i < count; i += 2)
      for (std::int64_t j = 0; j < cols; j += n) {
        const float* even = part + i * cols + j;
        store_pairs<I>(pair_up<I>(load<I>(even) * s.value, load<I>(even + cols) * s.value),
                       panel + (l + i) / 2 * cols + j);
      }
  }
  return s.inverse[0];
}

}  // namespace ijepa::cpu
