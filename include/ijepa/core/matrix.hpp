// Matrix: row-major host matrices for the code that evaluates rather than trains: a view and an
// owner.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

namespace ijepa {

/// A non-owning (rows, cols) row-major matrix.
template <class T>
struct MatrixView {
  T* data = nullptr;
  std::int64_t rows = 0, cols = 0;

  std::span<T> row(std::int64_t i) const {
    return {data + i * cols, static_cast<std::size_t>(cols)};
  }
  /// Rows [first, first + count).
  MatrixView slice(std::int64_t first, std::int64_t count) const {
    return {data + first * cols, count, cols};
  }
  std::int64_t size() const { return rows * cols; }
  operator MatrixView<const T>() const { return {data, rows, cols}; }
};

/// An owning (rows, cols) row-major matrix, zero at first.
template <class T>
struct Matrix {
  Matrix() = default;
  Matrix(std::int64_t row_count, std::int64_t col_count)
      : values(static_cast<std::size_t>(row_count * col_count)), rows(row_count), cols(col_count) {}

  std::vector<T> values;
  std::int64_t rows = 0, cols = 0;

  std::span<T> row(std::int64_t i) { return view().row(i); }
  std::span<const T> row(std::int64_t i) const { return view().row(i); }
  MatrixView<T> view() { return {values.data(), rows, cols}; }
  MatrixView<const T> view() const { return {values.data(), rows, cols}; }
};

}  // namespace ijepa
