// Linear layers: y = x w^T + b, dx = dy w, dw = dy^T x, as products of the Kernels. Each packs b
// whole, then threads take blocks of rows.
#include "checks.hpp"
#include "cpu_ops.hpp"
#include "kernels.hpp"
#include "parallel.hpp"
#include "types.hpp"

namespace ijepa::cpu {
namespace {

/// Rows of c a thread takes at a time: their part of a stays in the second-level cache.
constexpr std::int64_t block_rows = 108;
/// Tokens summed at a time in a weight gradient: bounds the packed copy of x.
constexpr std::int64_t slab_depth = 512;

/// Cuts the rows of c into blocks whose number the threads share evenly.
std::int64_t row_blocks(std::int64_t rows, int threads) {
  const auto blocks = (rows + block_rows - 1) / block_rows;
  return (blocks + threads - 1) / threads * threads;
}

Product product(DType type, std::int64_t m, std::int64_t n, std::int64_t k) {
  Product p{};
  p.m = m;
  p.n = n;
  p.k = k;
  p.type = type;
  return p;
}

/// dx = dy w.
Product input_gradient(std::string_view op, Tensor dy, Tensor w, Tensor dx) {
  const auto m = dy.rows(), n = dy.cols(), k = w.cols();
  expect_matrix(op, "w", w, n, k);
  expect_matrix(op, "dx", dx, m, k);
  expect_type(op, "w", w, dy.dtype);
  expect_type(op, "dx", dx, dy.dtype);
  auto p = product(dy.dtype, m, k, n);
  p.a = dy.data;
  p.a_row = n;
  p.a_col = 1;
  p.b = w.data;
  p.b_row = k;
  p.b_col = 1;
  p.c = dx.data;
  p.c_type = dx.dtype;
  return p;
}

}  // namespace

void CpuOps::multiply(const Product& p) {
  if (p.m == 0 || p.n == 0) return;
  const bool in_float16 = float16_ != nullptr && p.type == DType::f32;
  if (!in_float16 && onednn_ && onednn_->is_faster(p)) return onednn_->multiply(p);
  const ProductKernels& kernels = in_float16 ? *float16_ : kernels_;
  auto* packed = scratch<std::byte>(0, kernels.packed_bytes(p));
  const auto panels = kernels.panels(p);
  parallel_for(threads_, panels, 4, [&](std::int64_t begin, std::int64_t end) {
    kernels.pack(p, {begin, end}, packed);
  });
  const auto blocks = row_blocks(p.m, threads_);
  const auto space = aligned(kernels.workspace_bytes(p, (p.m + blocks - 1) / blocks));
  auto* workspace = scratch<std::byte>(1, space * threads_);
  parallel_pieces(threads_, blocks, 1,
                  [&](std::int64_t piece, std::int64_t begin, std::int64_t end) {
                    auto* own = workspace + space * piece;
                    for (auto block = begin; block < end; ++block)
                      kernels.multiply(p, {p.m * block / blocks, p.m * (block + 1) / blocks},
                                       {0, panels}, packed, own);
                  });
}

void CpuOps::forward(Product p, Tensor x, Tensor w, Tensor b) {
  p.a = x.data;
  p.a_row = p.k;
  p.a_col = 1;
  p.b = w.data;
  p.b_row = 1;
  p.b_col = p.k;
  p.bias = b.data;
  multiply(p);
}

void CpuOps::linear_forward(Tensor x, Tensor w, Tensor b, Tensor y) {
  check_linear("linear_forward", x, w, b, y);
  auto p = product(x.dtype, x.rows(), w.rows(), x.cols());
  p.c = y.data;
  p.c_type = y.dtype;
  forward(p, x, w, b);
}

void CpuOps::linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) {
  constexpr auto op = "linear_gelu_forward";
  check_linear(op, x, w, b, y);
  if (!pre.empty()) {
    expect_matrix(op, "pre", pre, y.rows(), y.cols());
    expect_type(op, "pre", pre, x.dtype);
  }
  auto p = product(x.dtype, x.rows(), w.rows(), x.cols());
  p.c = y.data;
  p.c_type = y.dtype;
  p.then = Then::gelu;
  p.extra = pre.data;
  forward(p, x, w, b);
}

void CpuOps::check_linear(std::string_view op, Tensor x, Tensor w, Tensor b, Tensor y) {
  expect_matrix(op, "w", w, w.rows(), x.cols());
  expect_matrix(op, "y", y, x.rows(), w.rows());
  expect_type(op, "w", w, x.dtype);
  expect_type(op, "y", y, x.dtype);
  if (!b.empty()) expect_vector(op, "b", b, parameter_type(x.dtype), w.rows());
}

void CpuOps::linear_backward_input(Tensor dy, Tensor w, Tensor dx) {
  multiply(input_gradient("linear_backward_input", dy, w, dx));
}

void CpuOps::linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) {
  constexpr auto op = "linear_backward_input_gelu";
  auto p = input_gradient(op, dy, w, dx);
  expect_matrix(op, "pre", pre, dx.rows(), dx.cols());
  expect_type(op, "pre", pre, dy.dtype);
  expect_matrix(op, "y", y, dx.rows(), dx.cols());
  expect_type(op, "y", y, dy.dtype);
  p.then = Then::gelu_slope;
  p.also = y.data;
  p.extra = pre.data;
  multiply(p);
}

void CpuOps::linear_backward_params(Tensor dy, Tensor x, Tensor dw, Tensor db, Write mode) {
  constexpr auto op = "linear_backward_params";
  const auto m = dy.rows(), n = dy.cols(), k = x.cols();
  expect_matrix(op, "x", x, m, k);
  expect_matrix(op, "dw", dw, n, k);
  expect_type(op, "x", x, dy.dtype);
  expect_type(op, "dw", dw, parameter_type(dy.dtype));
  if (m == 0 && mode == Write::overwrite) {
    fill_zero(dw);
    if (!db.empty()) fill_zero(db);
  }
  for (std::int64_t begin = 0; begin < m; begin += slab_depth) {
    const Tensor dys = first_rows(rows_from(dy, begin), std::min(slab_depth, m - begin));
    auto p = product(dy.dtype, n, k, dys.rows());
    p.a = dys.data;
    p.a_row = 1;
    p.a_col = n;
    p.b = rows_from(x, begin).data;
    p.b_row = k;
    p.b_col = 1;
    p.c = dw.data;
    p.c_type = dw.dtype;
    p.then = begin > 0 || mode == Write::accumulate ? Then::accumulate : Then::store;
    // The product finds dy in the cache, where the sum has brought it.
    if (!db.empty()) sum_rows(dys, {}, db, begin > 0 ? Write::accumulate : mode);
    multiply(p);
  }
}

}  // namespace ijepa::cpu
