// Linear layers as matrix products: y = x w^T + b, dx = dy w, dw = dy^T x.
#include "../cpu/checks.hpp"
#include "cuda_ops.hpp"
#include "matmul.hpp"
#include "status.hpp"

namespace ijepa::cuda {
namespace {

using cpu::expect_matrix;
using cpu::expect_type;
using cpu::expect_vector;

void check_linear(const char* op, const Tensor& x, const Tensor& w, const Tensor& b,
                  const Tensor& y) {
  expect_matrix(op, "w", w, w.rows(), x.cols());
  expect_matrix(op, "y", y, x.rows(), w.rows());
  expect_type(op, "w", w, x.dtype);
  expect_type(op, "y", y, x.dtype);
  if (!b.empty()) expect_vector(op, "b", b, DType::f32, w.rows());
}

}  // namespace

Tensor CudaOps::bias_for(Tensor b, DType type) {
  if (b.empty() || type == b.dtype) return b;
  const Tensor rounded = make_tensor(workspace_.data, type, {b.numel()});
  check(rounded.bytes() <= workspace_.bytes, "A bias of {} elements does not fit the workspace.",
        b.numel());
  copy(b, rounded);
  return rounded;
}

void CudaOps::linear_forward(Tensor x, Tensor w, Tensor b, Tensor y) {
  check_linear("linear_forward", x, w, b, y);
  if (y.numel() == 0) return;
  Product p{x.rows(), w.rows(), x.cols(), x.dtype, y.dtype};
  p.transpose_b = true;
  p.epilogue = b.empty() ? Epilogue::none : Epilogue::bias;
  const Tensor bias = bias_for(b, y.dtype);
  matmul_.run(p, {x.data, w.data, bias.data, y.data}, [&] {
    add_table_rows(y, make_tensor(bias.data, bias.dtype, {1, bias.numel()}), {});
  });
}

void CudaOps::linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) {
  constexpr auto op = "linear_gelu_forward";
  check_linear(op, x, w, b, y);
  const Tensor product = pre.empty() ? y : pre;
  expect_matrix(op, "pre", product, y.rows(), y.cols());
  expect_type(op, "pre", product, x.dtype);
  linear_forward(x, w, b, product);
  gelu_forward(product, y);
}

void CudaOps::linear_backward_input(Tensor dy, Tensor w, Tensor dx) {
  constexpr auto op = "linear_backward_input";
  const auto m = dy.rows(), n = dy.cols(), k = w.cols();
  expect_matrix(op, "w", w, n, k);
  expect_matrix(op, "dx", dx, m, k);
  expect_type(op, "w", w, dy.dtype);
  expect_type(op, "dx", dx, dy.dtype);
  if (dx.numel() == 0) return;
  matmul_.run({m, k, n, dy.dtype, dx.dtype}, {dy.data, w.data, nullptr, dx.data});
}

void CudaOps::linear_backward_params(Tensor dy, Tensor x, Tensor dw, Tensor db, Write mode) {
  constexpr auto op = "linear_backward_params";
  const auto m = dy.rows(), n = dy.cols(), k = x.cols();
  expect_matrix(op, "x", x, m, k);
  expect_matrix(op, "dw", dw, n, k);
  expect_type(op, "x", x, dy.dtype);
  expect_type(op, "dw", dw, DType::f32);
  // The library's sums overwrite, so those that are added to are ours, and so are empty ones.
  const bool sums = !db.empty() && mode == Write::overwrite && m > 0;
  if (!db.empty() && !sums) sum_rows(dy, {}, db, mode);
  if (m == 0) {
    if (mode == Write::overwrite) fill_zero(dw);
    return;
  }
  Product p{n, k, m, dy.dtype, dw.dtype};
  p.transpose_a = true;
  p.accumulate = mode == Write::accumulate;
  p.epilogue = sums ? Epilogue::sums : Epilogue::none;
  matmul_.run(p, {dy.data, x.data, db.data, dw.data}, [&] { sum_rows(dy, {}, db, mode); });
}

}  // namespace ijepa::cuda
