// Layer norm, a warp a row. With xh = (x - mean) rstd and g = w dy:
//   dx = rstd (g - mean(g) - xh mean(g xh)),  dw = sum dy xh,  db = sum dy.
#include "../cpu/checks.hpp"
#include "column_sum.hpp"
#include "reduce.hpp"

namespace ijepa::cuda {
namespace {

using cpu::expect_matrix;
using cpu::expect_same_width;
using cpu::expect_vector;

constexpr unsigned rows_a_block = 4;

/// The first row is read three times, from the first-level cache but for the first.
template <int W, class X, class Y>
__global__ void __launch_bounds__(32 * rows_a_block)
    normalise_rows(std::int64_t rows, int cols, const X* x, const float* w, const float* b,
                   float epsilon, Y* y, float* mean, float* rstd) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * rows_a_block + threadIdx.y;
  if (row >= rows) return;
  const int first = static_cast<int>(threadIdx.x) * W;
  x += row * cols;
  float sum = 0;
  for (int col = first; col < cols; col += 32 * W) {
    const auto v = load<W>(x + col);
#pragma unroll
    for (int j = 0; j < W; ++j) sum += v[j];
  }
  const float m = warp_sum(sum) / static_cast<float>(cols);
  float squares = 0;
  for (int col = first; col < cols; col += 32 * W) {
    const auto v = load<W>(x + col);
#pragma unroll
    for (int j = 0; j < W; ++j) squares += (v[j] - m) * (v[j] - m);
  }
  const float r = 1 / std::sqrt(warp_sum(squares) / static_cast<float>(cols) + epsilon);
  for (int col = first; col < cols; col += 32 * W) {
    auto v = load<W>(x + col);
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] = (v[j] - m) * r;
    if (w != nullptr) {
      const auto scale = load<W>(w + col), shift = load<W>(b + col);
#pragma unroll
      for (int j = 0; j < W; ++j) v[j] = v[j] * scale[j] + shift[j];
    }
    store<W>(y + row * cols + col, v);
  }
  if (threadIdx.x == 0) {
    mean[row] = m;
    rstd[row] = r;
  }
}

template <class D, class X>
struct NormInputs {
  const D* dy;
  const X* x;
  const float *w, *mean, *rstd;
};

template <int W, class D, class X, class Y>
__global__ void __launch_bounds__(32 * rows_a_block)
    add_row_gradients(std::int64_t rows, int cols, NormInputs<D, X> in, Y* dx) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * rows_a_block + threadIdx.y;
  if (row >= rows) return;
  const float m = in.mean[row], r = in.rstd[row];
  float sum = 0, product = 0;
  for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
    const auto d = load<W>(in.dy + row * cols + col), v = load<W>(in.x + row * cols + col);
    const auto scale = load<W>(in.w + col);
#pragma unroll
    for (int j = 0; j < W; ++j) {
      const float g = scale[j] * d[j];
      sum += g;
      product += g * (v[j] - m) * r;
    }
  }
  const float mean_g = warp_sum(sum) / static_cast<float>(cols);
  const float mean_gx = warp_sum(product) / static_cast<float>(cols);
  for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
    const auto d = load<W>(in.dy + row * cols + col), v = load<W>(in.x + row * cols + col);
    const auto scale = load<W>(in.w + col);
    auto out = load<W>(dx + row * cols + col);
#pragma unroll
    for (int j = 0; j < W; ++j) out[j] += r * (scale[j] * d[j] - mean_g - (v[j] - m) * r * mean_gx);
    store<W>(dx + row * cols + col, out);
  }
}

/// dy xh and dy.
template <class D, class X>
struct ParameterGradients {
  static constexpr int outputs = 2;
  NormInputs<D, X> in;
  std::int64_t cols;
  template <int W>
  __device__ void add(std::int64_t row, std::int64_t col, Floats<W>* sums) const {
    const float m = in.mean[row], r = in.rstd[row];
    const auto d = load<W>(in.dy + row * cols + col), v = load<W>(in.x + row * cols + col);
#pragma unroll
    for (int j = 0; j < W; ++j) {
      sums[0][j] += d[j] * (v[j] - m) * r;
      sums[1][j] += d[j];
    }
  }
};

}  // namespace

void CudaOps::layer_norm_forward(Tensor x, Tensor w, Tensor b, double epsilon, Tensor y,
                                 Tensor mean, Tensor rstd) {
  constexpr auto op = "layer_norm_forward";
  const auto rows = x.rows(), cols = x.cols();
  expect_matrix(op, "y", y, rows, cols);
  expect_same_width(op, "y", y, x);
  check(w.empty() == b.empty(), "{}: w and b must both be given or both left out.", op);
  if (!w.empty()) expect_vector(op, "w", w, DType::f32, cols);
  if (!b.empty()) expect_vector(op, "b", b, DType::f32, cols);
  expect_vector(op, "mean", mean, DType::f32, rows);
  expect_vector(op, "rstd", rstd, DType::f32, rows);
  if (rows == 0) return;
  on_types(
      [&]<class X, class Y>(const X* xs, Y* ys) {
        with_width(
            cols % vector_width == 0,
            [&]<int W>(std::integral_constant<int, W>) {
              launch({dim3(blocks_for(rows, rows_a_block)), dim3(32, rows_a_block), 0, stream_},
                     normalise_rows<W, X, Y>, rows, static_cast<int>(cols), xs, optional<float>(w),
                     optional<float>(b), static_cast<float>(epsilon), ys, mean.as<float>(),
                     rstd.as<float>());
            },
            x, y, w, b);
      },
      x, y);
}

void CudaOps::layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                                  Tensor dx_accum, Tensor dw, Tensor db, Write mode) {
  constexpr auto op = "layer_norm_backward";
  const auto rows = x.rows(), cols = x.cols();
  expect_matrix(op, "dy", dy, rows, cols);
  expect_same_width(op, "dy", dy, x);
  expect_matrix(op, "dx", dx_accum, rows, cols);
  expect_same_width(op, "dx", dx_accum, x);
  expect_vector(op, "w", w, DType::f32, cols);
  expect_vector(op, "mean", mean, DType::f32, rows);
  expect_vector(op, "rstd", rstd, DType::f32, rows);
  expect_vector(op, "dw", dw, DType::f32, cols);
  expect_vector(op, "db", db, DType::f32, cols);
  on_types(
      [&]<class D, class X>(const D* ds, const X* xs) {
        const NormInputs<D, X> in{ds, xs, w.as<float>(), mean.as<float>(), rstd.as<float>()};
        sum_columns(stream_, workspace_, rows, cols, ParameterGradients<D, X>{in, cols}, {dw, db},
                    mode, dy, x);
        if (rows == 0) return;
        on_types(
            [&]<class Y>(Y* dxs) {
              with_width(
                  cols % vector_width == 0,
                  [&]<int W>(std::integral_constant<int, W>) {
                    launch(
                        {dim3(blocks_for(rows, rows_a_block)), dim3(32, rows_a_block), 0, stream_},
                        add_row_gradients<W, D, X, Y>, rows, static_cast<int>(cols), in, dxs);
                  },
                  dy, x, w, dx_accum);
            },
            dx_accum);
      },
      dy, x);
}

}  // namespace ijepa::cuda
