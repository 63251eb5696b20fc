// simd: vectors of the compiler's vector extension, sized by an instruction set. The same source is
// compiled once per instruction set; every function is a template on the vector or its set and is
// always inlined, so that no copy compiled for one set can be linked into code meant for another.
#pragma once
#include <cstdint>
#include <type_traits>
#include <utility>

#include "ijepa/core/scalar.hpp"

#define IJEPA_INLINE inline __attribute__((always_inline))

namespace ijepa::cpu {

/// Instruction sets: bytes of a vector, and the register tiles of matrix products: at most so many
/// vectors wide, and at most so many rows of 1, 2, ... vectors high. A weight gradient's operands
/// are multiplied `gradient_depth` tokens at a time, both from copies in the order they are read
/// where `copies_gradients` says so: narrow tiles read rows of x and dy too often to let them
/// collide in the first-level cache, as rows a power of two apart do.
struct Avx2 {
  static constexpr int bytes = 32, tile_vectors = 2, tile_rows[] = {6, 6};
  static constexpr int gradient_depth = 256;
  static constexpr bool copies_gradients = true;
};
struct Avx512 {
  static constexpr int bytes = 64, tile_vectors = 3, tile_rows[] = {12, 12, 9};
  static constexpr int gradient_depth = 512;
  static constexpr bool copies_gradients = false;
};

template <class T, int Bytes>
struct VectorOf {
  typedef T type __attribute__((vector_size(Bytes)));
};

/// A vector of T in instruction set I.
template <class I, class T>
using Vec = typename VectorOf<T, I::bytes>::type;

template <class I, class T>
constexpr int lanes = I::bytes / static_cast<int>(sizeof(T));

template <class I, class T>
IJEPA_INLINE Vec<I, T> splat(T value) {
  return value - Vec<I, T>{};
}

template <class I>
IJEPA_INLINE Vec<I, double> load(const double* p) {
  Vec<I, double> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class I>
IJEPA_INLINE Vec<I, float> load(const float* p) {
  Vec<I, float> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}

template <class I>
IJEPA_INLINE Vec<I, float> load(const BFloat16* p) {
  typename VectorOf<std::uint16_t, I::bytes / 2>::type half;
  __builtin_memcpy(&half, p, sizeof half);
  return reinterpret_cast<Vec<I, float>>(__builtin_convertvector(half, Vec<I, std::uint32_t>)
                                         << 16);
}

template <class I>
IJEPA_INLINE void store(Vec<I, double> v, double* p) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <class I>
IJEPA_INLINE void store(Vec<I, float> v, float* p) {
  __builtin_memcpy(p, &v, sizeof v);
}

/// Rounds to nearest even; NaN stays NaN.
template <class I>
IJEPA_INLINE void store(Vec<I, float> v, BFloat16* p) {
  using U = Vec<I, std::uint32_t>;
  const U u = reinterpret_cast<U>(v);
  const U rounded = (u + 0x7fffU + ((u >> 16) & 1U)) >> 16;
  const U quiet = (u >> 16) | 0x40U;
  const U bits = (v != v) ? quiet : rounded;
  const auto half =
      __builtin_convertvector(bits, typename VectorOf<std::uint16_t, I::bytes / 2>::type);
  __builtin_memcpy(static_cast<void*>(p), &half, sizeof half);
}

/// The first `count` elements; the rest of the vector is zero.
template <class I, class T>
IJEPA_INLINE auto load_some(const T* p, std::int64_t count) {
  unsigned char buffer[I::bytes] = {};
  __builtin_memcpy(buffer, p, static_cast<std::size_t>(count) * sizeof(T));
  return load<I>(reinterpret_cast<const T*>(buffer));
}

template <class I, class V, class T>
IJEPA_INLINE void store_some(V v, T* p, std::int64_t count) {
  unsigned char buffer[I::bytes];
  store<I>(v, reinterpret_cast<T*>(buffer));
  __builtin_memcpy(static_cast<void*>(p), buffer, static_cast<std::size_t>(count) * sizeof(T));
}

template <class I>
IJEPA_INLINE void store(Vec<I, double> v, BFloat16* p) {
  for (int i = 0; i < lanes<I, double>; i += 1) {
    Vec<I, float> one{};
    one[0] = static_cast<float>(v[i]);
    BFloat16 rounded[lanes<I, float>];
    store<I>(one, rounded);
    p[i] = rounded[0];
  }
}

/// The same of at most a vector, where that is whole at once.
template <class I, class C, class T>
IJEPA_INLINE Vec<I, C> load_up_to(const T* p, std::int64_t count) {
  return count >= lanes<I, C> ? load<I>(p) : load_some<I>(p, count);
}

template <class I, class C, class T>
IJEPA_INLINE void store_up_to(Vec<I, C> v, T* p, std::int64_t count) {
  count >= lanes<I, C> ? store<I>(v, p) : store_some<I>(v, p, count);
}

/// The value that a T keeps of v.
template <class I, class T, class V>
IJEPA_INLINE V as_stored(V v) {
  unsigned char buffer[sizeof(V)];
  store<I>(v, reinterpret_cast<T*>(buffer));
  return load<I>(reinterpret_cast<const T*>(buffer));
}

/// n in whole vectors.
template <class I, class C>
IJEPA_INLINE std::int64_t whole_vectors(std::int64_t n) {
  return (n + lanes<I, C> - 1) / lanes<I, C> * lanes<I, C>;
}

/// One element in the type sums are made in.
template <class C>
IJEPA_INLINE C widen(C x) {
  return x;
}
template <class C>
IJEPA_INLINE C widen(BFloat16 x) {
  return __builtin_bit_cast(float, static_cast<std::uint32_t>(x.bits) << 16);
}

template <class V>
IJEPA_INLINE V max(V a, V b) {
  return a > b ? a : b;
}

template <class V>
IJEPA_INLINE V min(V a, V b) {
  return a < b ? a : b;
}

/// The first `count` lanes, which may be all or none; the rest `other`.
template <class I, class C>
IJEPA_INLINE Vec<I, C> first_lanes(Vec<I, C> v, std::int64_t count, C other = C(0)) {
  using Index = std::conditional_t<sizeof(C) == 8, std::int64_t, std::int32_t>;
  constexpr auto numbers = []<int... L>(std::integer_sequence<int, L...>) {
    return Vec<I, Index>{L...};
  }
  (std::make_integer_sequence<int, lanes<I, C>>{});
  return numbers < splat<I>(static_cast<Index>(count)) ? v : splat<I>(other);
}

/// f(f(lower half, upper half)'s lower half, its upper half) and so on. Whole vectors are moved:
/// taking lanes one by one costs more than a row of attention's products.
template <class I, class T, int Half = lanes<I, T> / 2, class F>
IJEPA_INLINE T fold_lanes(Vec<I, T> v, F f) {
  if constexpr (Half == 0) {
    return v[0];
  } else {
    const auto upper = [&]<int... L>(std::integer_sequence<int, L...>)
        __attribute__((always_inline)) {
      return __builtin_shufflevector(v, v, ((L + Half) % lanes<I, T>)...);
    }
    (std::make_integer_sequence<int, lanes<I, T>>{});
    return fold_lanes<I, T, Half / 2>(f(v, upper), f);
  }
}

/// Sum of the lanes, by halves.
template <class I, class T>
IJEPA_INLINE T sum_lanes(Vec<I, T> v) {
  return fold_lanes<I, T>(
      v, [](Vec<I, T> a, Vec<I, T> b) __attribute__((always_inline)) { return a + b; });
}

}  // namespace ijepa::cpu
