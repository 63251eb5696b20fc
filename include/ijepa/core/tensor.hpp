// Tensor: a non-owning, contiguous, row-major view. Copying it copies the view, never the data.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

#include "ijepa/core/error.hpp"
#include "ijepa/core/scalar.hpp"

namespace ijepa {

enum class DType : std::uint8_t { f64, f32, bf16, i32, u8, u16 };

constexpr std::size_t size_of(DType t) {
  constexpr std::array<std::size_t, 6> bytes{8, 4, 2, 4, 1, 2};
  return bytes[static_cast<std::size_t>(t)];
}

constexpr const char* name_of(DType t) {
  constexpr std::array<const char*, 6> names{"float64", "float32", "bfloat16",
                                             "int32",   "uint8",   "uint16"};
  return names[static_cast<std::size_t>(t)];
}

template <class T>
struct DTypeOf;
template <>
struct DTypeOf<double> {
  static constexpr DType value = DType::f64;
};
template <>
struct DTypeOf<float> {
  static constexpr DType value = DType::f32;
};
template <>
struct DTypeOf<BFloat16> {
  static constexpr DType value = DType::bf16;
};
template <>
struct DTypeOf<std::int32_t> {
  static constexpr DType value = DType::i32;
};
template <>
struct DTypeOf<std::uint8_t> {
  static constexpr DType value = DType::u8;
};
template <>
struct DTypeOf<std::uint16_t> {
  static constexpr DType value = DType::u16;
};

struct Tensor {
  static constexpr int max_rank = 4;

  void* data = nullptr;  // nullptr while a step is only measured
  DType dtype = DType::f32;
  int rank = 0;
  std::array<std::int64_t, max_rank> shape{};

  /// True for "no tensor given": an optional operand left out. (A measured tensor has rank > 0.)
  bool empty() const { return rank == 0; }
  std::int64_t numel() const {
    std::int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= shape[static_cast<std::size_t>(i)];
    return rank == 0 ? 0 : n;
  }
  /// The last dimension.
  std::int64_t cols() const { return rank == 0 ? 0 : shape[static_cast<std::size_t>(rank - 1)]; }
  /// All dimensions but the last, multiplied.
  std::int64_t rows() const { return cols() == 0 ? 0 : numel() / cols(); }
  std::size_t bytes() const { return static_cast<std::size_t>(numel()) * size_of(dtype); }

  /// The elements as T; an Error if the tensor holds another type.
  template <class T>
  T* as() const {
    check(dtype == DTypeOf<T>::value, "A {} tensor was read as {}.", name_of(dtype),
          name_of(DTypeOf<T>::value));
    return static_cast<T*>(data);
  }
};

inline Tensor make_tensor(void* data, DType dtype, std::initializer_list<std::int64_t> shape) {
  Tensor t{data, dtype, static_cast<int>(shape.size()), {}};
  std::size_t i = 0;
  for (const auto s : shape) t.shape[i++] = s;
  return t;
}

/// The first `rows` rows of a matrix; none of none.
inline Tensor first_rows(Tensor t, std::int64_t rows) {
  if (!t.empty()) t = make_tensor(t.data, t.dtype, {rows, t.cols()});
  return t;
}

/// A matrix without its first `count` rows.
inline Tensor rows_from(const Tensor& t, std::int64_t count) {
  const auto skipped = static_cast<std::size_t>(count * t.cols()) * size_of(t.dtype);
  void* data = t.data == nullptr ? nullptr : static_cast<std::byte*>(t.data) + skipped;
  return make_tensor(data, t.dtype, {t.rows() - count, t.cols()});
}

/// "float32 (3, 4)", for messages.
std::string describe(const Tensor& t);

}  // namespace ijepa
