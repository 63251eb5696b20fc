// Backward of layer norm in one pass over memory. With xh = (x - mean) rstd and g = w dy:
//   dx = rstd (g - mean(g) - xh mean(g xh)),  dw = sum dy xh,  db = sum dy.
// A warp takes rows in turn and keeps its sums dw and db in shared memory; blocks leave partial
// sums, which are added in a fixed order afterwards.
#include "../cpu/norm_checks.hpp"
#include "column_sum.hpp"
#include "norm_rows.hpp"
#include "reduce.hpp"

namespace ijepa::cuda {
namespace {

template <class D, class X>
struct NormInputs {
  const D* dy;
  const X* x;
  const float *w, *mean, *rstd;
};

/// dx is added to; dbranch (may be null) is that times the row's scale.
template <class D, class X>
struct NormGradients {
  X* dx;
  D* dbranch;
  RowScale scale;
};

/// Sums of one row, over its features: g and g xh.
struct RowSums {
  float g, gx;
};

/// A lane's share of the sums of a row; adds dy xh to dw and dy to db.
template <int W, class D, class X>
__device__ __forceinline__ RowSums sum_row(std::int64_t row, int cols, const NormInputs<D, X>& in,
                                           float* dw, float* db) {
  const float m = in.mean[row], r = in.rstd[row];
  RowSums sums{0, 0};
  for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
    const auto d = load<W>(in.dy + row * cols + col), v = load<W>(in.x + row * cols + col);
    const auto scale = load<W>(in.w + col);
    auto w = load<W>(dw + col), b = load<W>(db + col);
#pragma unroll
    for (int j = 0; j < W; ++j) {
      const float xh = (v[j] - m) * r, g = scale[j] * d[j];
      sums.g += g;
      sums.gx += g * xh;
      w[j] += d[j] * xh;
      b[j] += d[j];
    }
    store<W>(dw + col, w);
    store<W>(db + col, b);
  }
  return sums;
}

/// The row is read again, from the first-level cache.
template <int W, class D, class X>
__device__ __forceinline__ void add_row_gradient(std::int64_t row, int cols,
                                                 const NormInputs<D, X>& in, RowSums mean,
                                                 const NormGradients<D, X>& out) {
  const float m = in.mean[row], r = in.rstd[row], s = out.scale.of(row);
  for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
    const auto i = row * cols + col;
    const auto d = load<W>(in.dy + i), v = load<W>(in.x + i), scale = load<W>(in.w + col);
    auto dx = load<W>(out.dx + i);
#pragma unroll
    for (int j = 0; j < W; ++j) {
      dx[j] += r * (scale[j] * d[j] - mean.g - (v[j] - m) * r * mean.gx);
      dx[j] = to_float(from_float<X>(dx[j]));
    }
    store<W>(out.dx + i, dx);
    if (out.dbranch == nullptr) continue;
#pragma unroll
    for (int j = 0; j < W; ++j) dx[j] *= s;
    store<W>(out.dbranch + i, dx);
  }
}

/// partial (blocks, 2, cols): sums of dw and db over the rows of each block.
template <int W, class D, class X>
__global__ void __launch_bounds__(32 * most_norm_rows)
    add_row_gradients(std::int64_t rows, int cols, NormInputs<D, X> in, NormGradients<D, X> out,
                      float* partial) {
  const int warp = static_cast<int>(threadIdx.y), warps = static_cast<int>(blockDim.y);
  float* all = shared_memory<float>();  // [warp][dw, db][column]
  float *dw = all + warp * 2 * cols, *db = dw + cols;
  for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
    store<W>(dw + col, Floats<W>{});
    store<W>(db + col, Floats<W>{});
  }
  const auto step = static_cast<std::int64_t>(gridDim.x) * warps;
  for (auto row = static_cast<std::int64_t>(blockIdx.x) * warps + warp; row < rows; row += step) {
    const RowSums own = sum_row<W>(row, cols, in, dw, db);
    const auto n = static_cast<float>(cols);
    const RowSums mean{warp_sum(own.g) / n, warp_sum(own.gx) / n};
    add_row_gradient<W>(row, cols, in, mean, out);
  }
  __syncthreads();
  for (int i = (warp * 32 + static_cast<int>(threadIdx.x)) * W; i < 2 * cols; i += warps * 32 * W) {
    auto sum = load<W>(all + i);
    for (int k = 1; k < warps; ++k) {
      const auto other = load<W>(all + k * 2 * cols + i);
#pragma unroll
      for (int j = 0; j < W; ++j) sum[j] += other[j];
    }
    store<W>(partial + static_cast<std::int64_t>(blockIdx.x) * 2 * cols + i, sum);
  }
}

}  // namespace

void CudaOps::layer_norm_backward(Tensor dy, Tensor x, Tensor w, Tensor mean, Tensor rstd,
                                  const BranchGradient& d, Tensor dw, Tensor db, Write mode) {
  cpu::expect_norm_gradient("layer_norm_backward", dy, x, w, mean, rstd, d, dw, db);
  constexpr std::int64_t rows_a_block = 16, most_blocks = 512;
  const auto rows = x.rows(), cols = x.cols();
  const auto bytes = 2 * cols * static_cast<std::int64_t>(sizeof(float));
  const unsigned warps = norm_rows_of_block(bytes);
  const auto blocks = partial_blocks(workspace_, rows, 2 * cols, rows_a_block, most_blocks);
  auto* partial = static_cast<float*>(workspace_.data);
  on_types(
      [&]<class D, class X>(const D* dys, const X* xs) {
        if (blocks == 0) return;
        const NormInputs<D, X> in{dys, xs, w.as<float>(), mean.as<float>(), rstd.as<float>()};
        const NormGradients<D, X> out{static_cast<X*>(d.dsum_accum.data),
                                      static_cast<D*>(d.dbranch.data),
                                      row_scale(d.scale, d.row_sequence)};
        with_width(
            cols % vector_width == 0,
            [&]<int W>(std::integral_constant<int, W>) {
              launch({dim3(static_cast<unsigned>(blocks)), dim3(32, warps),
                      static_cast<std::size_t>(warps * bytes), stream_},
                     add_row_gradients<W, D, X>, rows, static_cast<int>(cols), in, out, partial);
            },
            dy, x, w, d.dsum_accum, d.dbranch);
      },
      dy, x);
  sum_partials<2>(stream_, partial, blocks, cols, {dw.as<float>(), db.as<float>()}, mode);
}

}  // namespace ijepa::cuda
