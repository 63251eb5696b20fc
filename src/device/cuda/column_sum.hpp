// Sums over the rows of a matrix, column by column, in two passes: blocks of rows first, then the
// blocks, each in a fixed order. No atomics, so every run gives the same bits.
#pragma once
#include <algorithm>
#include <array>

#include "cuda_ops.hpp"
#include "dispatch.hpp"

namespace ijepa::cuda {

/// Rows of threads in a block; they take a block's matrix rows in turn.
constexpr int sum_lanes = 8;

/// partial[block of rows][output][column] of F::outputs sums. f.template add<W>(row, col, sums)
/// adds one row's terms.
template <int W, class F>
__global__ void __launch_bounds__(32 * sum_lanes)
    sum_row_blocks(std::int64_t rows, std::int64_t cols, F f, float* partial) {
  auto* parts = shared_memory<Floats<W>>();  // [output][lane row][lane]
  const std::int64_t col = (static_cast<std::int64_t>(blockIdx.x) * 32 + threadIdx.x) * W;
  const std::int64_t begin = rows * blockIdx.y / gridDim.y;
  const std::int64_t end = rows * (blockIdx.y + 1) / gridDim.y;
  Floats<W> sums[F::outputs] = {};
  if (col < cols)
    for (std::int64_t row = begin + threadIdx.y; row < end; row += sum_lanes)
      f.template add<W>(row, col, sums);
#pragma unroll
  for (int k = 0; k < F::outputs; ++k)
    parts[(k * sum_lanes + static_cast<int>(threadIdx.y)) * 32 + static_cast<int>(threadIdx.x)] =
        sums[k];
  __syncthreads();
  if (threadIdx.y >= F::outputs || col >= cols) return;
  const int k = static_cast<int>(threadIdx.y);
  Floats<W> total{};
  for (int lane = 0; lane < sum_lanes; ++lane) {
    const auto part = parts[(k * sum_lanes + lane) * 32 + static_cast<int>(threadIdx.x)];
#pragma unroll
    for (int j = 0; j < W; ++j) total[j] += part[j];
  }
  store<W>(partial + (static_cast<std::int64_t>(blockIdx.y) * F::outputs + k) * cols + col, total);
}

/// y[column] (+)= sum over blocks of partial[block][column].
struct SumPartials {
  const float* partial;
  std::int64_t blocks, stride;
  Write mode;
  float* y;
  template <int W>
  __device__ void at(std::int64_t col) const {
    Floats<W> sum{};
    if (mode == Write::accumulate) sum = load<W>(y + col);
    for (std::int64_t b = 0; b < blocks; ++b) {
      const auto part = load<W>(partial + b * stride + col);
#pragma unroll
      for (int j = 0; j < W; ++j) sum[j] += part[j];
    }
    store<W>(y + col, sum);
  }
};

/// y[k] (+)= the k-th sum of F over all rows. `operands` are what F loads by vectors.
template <class F, class... Tensors>
void sum_columns(cudaStream_t stream, Workspace workspace, std::int64_t rows, std::int64_t cols,
                 const F& f, const std::array<Tensor, F::outputs>& y, Write mode,
                 const Tensors&... operands) {
  constexpr std::int64_t rows_a_block = 64, most_blocks = 128;
  const auto room = static_cast<std::int64_t>(workspace.bytes / sizeof(float)) / F::outputs;
  check(cols <= room, "Sums over {} columns do not fit the GPU workspace of {} bytes.", cols,
        workspace.bytes);
  const auto blocks =
      std::min<std::int64_t>({(rows + rows_a_block - 1) / rows_a_block, most_blocks, room / cols});
  auto* partial = static_cast<float*>(workspace.data);
  if (blocks > 0)
    with_width(
        cols % vector_width == 0,
        [&]<int W>(std::integral_constant<int, W>) {
          launch({dim3(blocks_for(cols, 32 * W), static_cast<unsigned>(blocks)),
                  dim3(32, sum_lanes), F::outputs * sum_lanes * 32 * sizeof(Floats<W>), stream},
                 sum_row_blocks<W, F>, rows, cols, f, partial);
        },
        operands...);
  const auto all = static_cast<std::int64_t>(F::outputs) * cols;
  const bool aligned = cols % vector_width == 0;
  for (int k = 0; k < F::outputs; ++k)
    with_width(
        aligned,
        [&]<int W>(std::integral_constant<int, W>) {
          launch({dim3(blocks_for(cols, 256 * W)), dim3(256), 0, stream},
                 each_element<W, SumPartials>, cols,
                 SumPartials{partial + k * cols, blocks, all, mode,
                             y[static_cast<std::size_t>(k)].template as<float>()});
        },
        y[static_cast<std::size_t>(k)]);
}

}  // namespace ijepa::cuda
