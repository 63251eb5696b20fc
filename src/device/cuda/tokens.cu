// Rows of token tensors: gathers, scatters and position tables. Every sum has a fixed order.
#include "../cpu/checks.hpp"
#include "cuda_ops.hpp"
#include "dispatch.hpp"

namespace ijepa::cuda {
namespace {

using cpu::expect_matrix;
using cpu::expect_type;
using cpu::expect_vector;

const std::int32_t* row_indices(const char* op, const Tensor& rows, std::int64_t count) {
  if (rows.empty()) return nullptr;
  expect_vector(op, "rows", rows, DType::i32, count);
  return rows.as<std::int32_t>();
}

/// x += table[rows[i] mod period]
template <class X, class T>
struct AddTableRows {
  X* x;
  const T* table;
  const std::int32_t* rows;
  unsigned period;  // 32 bits: a 64-bit remainder is a call that spills registers
  std::int64_t cols;
  template <int W>
  __device__ void at(std::int64_t row, std::int64_t col) const {
    const auto index = static_cast<unsigned>(rows != nullptr ? rows[row] : row);
    auto v = load<W>(x + row * cols + col);
    const auto add = load<W>(table + index % period * cols + col);
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] += add[j];
    store<W>(x + row * cols + col, v);
  }
};

template <class X, class Y>
struct GatherRows {
  const X* x;
  const std::int32_t* rows;
  Y* y;
  std::int64_t cols;
  template <int W>
  __device__ void at(std::int64_t row, std::int64_t col) const {
    store<W>(y + row * cols + col, load<W>(x + rows[row] * cols + col));
  }
};

template <class X, class Y>
struct ScatterRows {
  const X* x;
  const std::int32_t* rows;
  Y* y;
  std::int64_t cols;
  template <int W>
  __device__ void at(std::int64_t row, std::int64_t col) const {
    store<W>(y + rows[row] * cols + col, load<W>(x + row * cols + col));
  }
};

/// y[rows[i]] += x[i]
template <class X, class Y>
struct ScatterAddRows {
  const X* x;
  const std::int32_t* rows;
  Y* y;
  std::int64_t cols;
  template <int W>
  __device__ void at(std::int64_t row, std::int64_t col) const {
    Y* to = y + rows[row] * cols + col;
    auto v = load<W>(to);
    const auto add = load<W>(x + row * cols + col);
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] += add[j];
    store<W>(to, v);
  }
};

/// y[i] = sum over begin[i] <= j < begin[i + 1] of x[rows[j]]; without begin, `uses` for each i
template <class X, class Y>
struct GatherSumRows {
  const X* x;
  const std::int32_t *rows, *begin;
  Y* y;
  int uses;
  std::int64_t cols;
  __device__ int first_use(std::int64_t row) const {
    return begin != nullptr ? begin[row] : static_cast<int>(row) * uses;
  }
  template <int W>
  __device__ void at(std::int64_t row, std::int64_t col) const {
    Floats<W> sum{};
    const int end = first_use(row + 1);
#pragma unroll 2  // left alone, the compiler takes on so many that registers spill
    for (int use = first_use(row); use < end; ++use) {
      const auto v = load<W>(x + rows[use] * cols + col);
#pragma unroll
      for (int j = 0; j < W; ++j) sum[j] += v[j];
    }
    store<W>(y + row * cols + col, sum);
  }
};

/// y[i] = rows[i] >= 0 ? x[rows[i]] : token + table[-1 - rows[i]]
template <class X, class T, class Y>
struct GatherRowsOrToken {
  const X* x;
  const T *token, *table;
  const std::int32_t* rows;
  Y* y;
  std::int64_t cols;
  template <int W>
  __device__ void at(std::int64_t row, std::int64_t col) const {
    const std::int64_t index = rows[row];
    Floats<W> v;
    if (index >= 0) {
      v = load<W>(x + index * cols + col);
    } else {
      v = load<W>(token + col);
      const auto add = load<W>(table + (-1 - index) * cols + col);
#pragma unroll
      for (int j = 0; j < W; ++j) v[j] += add[j];
    }
    store<W>(y + row * cols + col, v);
  }
};

}  // namespace

void CudaOps::add_table_rows(Tensor x_inout, Tensor table, Tensor rows) {
  constexpr auto op = "add_table_rows";
  const auto count = x_inout.rows(), cols = x_inout.cols(), period = table.rows();
  expect_matrix(op, "table", table, period, cols);
  const auto* index = row_indices(op, rows, count);
  on_types(
      [&]<class X, class T>(X* xs, T* ts) {
        run_rows(stream_, count, cols,
                 AddTableRows<X, T>{xs, ts, index, static_cast<unsigned>(period), cols}, x_inout,
                 table);
      },
      x_inout, table);
}

void CudaOps::gather_rows(Tensor x, Tensor rows, Tensor y) {
  constexpr auto op = "gather_rows";
  expect_matrix(op, "y", y, rows.numel(), x.cols());
  const auto* index = row_indices(op, rows, y.rows());
  on_types(
      [&]<class X, class Y>(X* xs, Y* ys) {
        run_rows(stream_, y.rows(), x.cols(), GatherRows<X, Y>{xs, index, ys, x.cols()}, x, y);
      },
      x, y);
}

void CudaOps::scatter_rows(Tensor x, Tensor rows, Tensor y) {
  constexpr auto op = "scatter_rows";
  expect_matrix(op, "y", y, y.rows(), x.cols());
  const auto* index = row_indices(op, rows, x.rows());
  check(index != nullptr || x.rows() == 0, "{}: rows are missing.", op);
  fill_zero(y);
  on_types(
      [&]<class X, class Y>(X* xs, Y* ys) {
        run_rows(stream_, x.rows(), x.cols(), ScatterRows<X, Y>{xs, index, ys, x.cols()}, x, y);
      },
      x, y);
}

void CudaOps::scatter_add_rows(Tensor x, Tensor rows, Tensor y_inout) {
  constexpr auto op = "scatter_add_rows";
  expect_matrix(op, "y", y_inout, y_inout.rows(), x.cols());
  const auto* index = row_indices(op, rows, x.rows());
  check(index != nullptr || x.rows() == 0, "{}: rows are missing.", op);
  on_types(
      [&]<class X, class Y>(X* xs, Y* ys) {
        run_rows(stream_, x.rows(), x.cols(), ScatterAddRows<X, Y>{xs, index, ys, x.cols()}, x,
                 y_inout);
      },
      x, y_inout);
}

void CudaOps::gather_sum_rows(Tensor x, Tensor rows, Tensor begin, Tensor y) {
  constexpr auto op = "gather_sum_rows";
  const auto cols = x.cols(), count = y.rows();
  expect_matrix(op, "y", y, count, cols);
  cpu::check_uses(op, rows, begin, count);
  const auto* index = rows.as<std::int32_t>();
  const auto* first = optional<std::int32_t>(begin);
  on_types(
      [&]<class X, class Y>(X* xs, Y* ys) {
        run_rows(
            stream_, count, cols,
            GatherSumRows<X, Y>{xs, index, first, ys, static_cast<int>(rows.numel() / count), cols},
            x, y);
      },
      x, y);
}

void CudaOps::gather_rows_or_token(Tensor x, Tensor token, Tensor table, Tensor rows, Tensor y) {
  constexpr auto op = "gather_rows_or_token";
  const auto cols = y.cols();
  expect_matrix(op, "x", x, x.rows(), cols);
  expect_matrix(op, "table", table, table.rows(), cols);
  expect_vector(op, "token", token, token.dtype, cols);
  expect_type(op, "table", table, token.dtype);
  const auto* index = row_indices(op, rows, y.rows());
  on_types(
      [&]<class X, class T, class Y>(X* xs, T* tokens, Y* ys) {
        run_rows(stream_, y.rows(), cols,
                 GatherRowsOrToken<X, T, Y>{xs, tokens, table.as<T>(), index, ys, cols}, x, token,
                 table, y);
      },
      x, token, y);
}

}  // namespace ijepa::cuda
