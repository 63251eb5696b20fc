// Column sums of a matrix or of some of its rows.
#include "../cpu/checks.hpp"
#include "column_sum.hpp"

namespace ijepa::cuda {
namespace {

template <class X>
struct RowSum {
  static constexpr int outputs = 1;
  const X* x;
  const std::int32_t* rows;
  std::int64_t cols;
  template <int W>
  __device__ void add(std::int64_t row, std::int64_t col, Floats<W>* sums) const {
    const std::int64_t index = rows != nullptr ? rows[row] : row;
    const auto v = load<W>(x + index * cols + col);
#pragma unroll
    for (int j = 0; j < W; ++j) sums[0][j] += v[j];
  }
};

}  // namespace

void CudaOps::sum_rows(Tensor x, Tensor rows, Tensor y, Write mode) {
  constexpr auto op = "sum_rows";
  const auto cols = x.cols(), count = rows.empty() ? x.rows() : rows.numel();
  cpu::expect_vector(op, "y", y, DType::f32, cols);
  if (!rows.empty()) cpu::expect_vector(op, "rows", rows, DType::i32, count);
  on_types(
      [&]<class X>(X* xs) {
        sum_columns(stream_, workspace_, count, cols,
                    RowSum<X>{xs, optional<std::int32_t>(rows), cols}, {y.as<float>()}, mode, x);
      },
      x);
}

}  // namespace ijepa::cuda
