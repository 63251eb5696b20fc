// Layer norm: threads take rows; row_kernel.hpp has the maths. With xh = (x - mean) rstd and g = w
// dy:
//   dx = rstd (g - mean(g) - xh mean(g xh)),  dw = sum dy xh,  db = sum dy.
#include "checks.hpp"
#include "cpu_ops.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

/// Rows whose dw and db are added up before blocks are; fixed, so sums ignore the thread count.
constexpr std::int64_t row_block = 64;

template <class S>
void sum_blocks(const S* partial, std::int64_t blocks, std::int64_t stride, std::int64_t cols,
                Write mode, S* y) {
  if (mode == Write::overwrite) std::fill_n(y, cols, S(0));
  for (std::int64_t b = 0; b < blocks; ++b)
    for (std::int64_t j = 0; j < cols; ++j) y[j] += partial[b * stride + j];
}

}  // namespace

void CpuOps::layer_norm_forward(Tensor x, Tensor w, Tensor b, double epsilon, Tensor y, Tensor mean,
                                Tensor rstd) {
  constexpr auto op = "layer_norm_forward";
  const auto rows = x.rows(), cols = x.cols();
  const auto type = parameter_type(x.dtype);
  expect_matrix(op, "y", y, rows, cols);
  expect_same_width(op, "y", y, x);
  check(w.empty() == b.empty(), "{}: w and b must both be given or both left out.", op);
  if (!w.empty()) expect_vector(op, "w", w, type, cols);
  if (!b.empty()) expect_vector(op, "b", b, type, cols);
  expect_vector(op, "mean", mean, type, rows);
  expect_vector(op, "rstd", rstd, type, rows);
  parallel_for(threads_, rows, 4, [&](std::int64_t begin, std::int64_t end) {
    kernels_.layer_norm_forward({cols, x, w, b, mean, rstd}, epsilon, y, {begin, end});
  });
}

void CpuOps::layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                                 Tensor dx_accum, Tensor dw, Tensor db, Write mode) {
  constexpr auto op = "layer_norm_backward";
  const auto rows = x.rows(), cols = x.cols();
  const auto type = parameter_type(x.dtype);
  expect_matrix(op, "dy", dy, rows, cols);
  expect_same_width(op, "dy", dy, x);
  expect_matrix(op, "dx", dx_accum, rows, cols);
  expect_same_width(op, "dx", dx_accum, x);
  expect_vector(op, "w", w, type, cols);
  expect_vector(op, "mean", mean, type, rows);
  expect_vector(op, "rstd", rstd, type, rows);
  expect_vector(op, "dw", dw, type, cols);
  expect_vector(op, "db", db, type, cols);
  const auto blocks = (rows + row_block - 1) / row_block;
  on_parameters(dw, [&]<class S>(S* dws) {
    S* partial = scratch<S>(0, blocks * 2 * cols);
    parallel_for(threads_, blocks, 1, [&](std::int64_t begin, std::int64_t end) {
      for (auto block = begin; block < end; ++block) {
        S* sums = partial + block * 2 * cols;
        std::fill_n(sums, 2 * cols, S(0));
        kernels_.layer_norm_backward({cols, x, w, {}, mean, rstd}, dy, dx_accum,
                                     {block * row_block, std::min(rows, (block + 1) * row_block)},
                                     sums, sums + cols);
      }
    });
    sum_blocks(partial, blocks, 2 * cols, cols, mode, dws);
    sum_blocks(partial + cols, blocks, 2 * cols, cols, mode, db.as<S>());
  });
}

}  // namespace ijepa::cpu
