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
/// The same where partial sums are added.
constexpr int partial_lanes = 16;

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

/// Where N sums over columns go.
template <int N>
struct SumTargets {
  float* y[N];  // (cols) each
  Write mode;
};

/// y[k][column] (+)= sum over blocks of partial[block][k][column]: a thread row takes blocks in
/// turn, and the rows are added in their order.
template <int N>
__global__ void __launch_bounds__(32 * partial_lanes)
    add_partials(const float* partial, std::int64_t blocks, std::int64_t cols, SumTargets<N> to) {
  auto* parts = shared_memory<float>();  // [lane row][lane]
  const std::int64_t at = static_cast<std::int64_t>(blockIdx.x) * 32 + threadIdx.x;
  float sum = 0;
  if (at < N * cols)
    for (std::int64_t b = threadIdx.y; b < blocks; b += partial_lanes)
      sum += partial[b * N * cols + at];
  parts[threadIdx.y * 32 + threadIdx.x] = sum;
  __syncthreads();
  if (threadIdx.y > 0 || at >= N * cols) return;
  float* y = to.y[at / cols] + at % cols;
  float total = to.mode == Write::accumulate ? *y : 0;
  for (int lane = 0; lane < partial_lanes; ++lane)
    total += parts[lane * 32 + static_cast<int>(threadIdx.x)];
  *y = total;
}

template <int N>
void sum_partials(cudaStream_t stream, const float* partial, std::int64_t blocks, std::int64_t cols,
                  const std::array<float*, N>& y, Write mode) {
  if (cols == 0) return;
  SumTargets<N> to{{}, mode};
  std::copy(y.begin(), y.end(), to.y);
  launch({dim3(blocks_for(N * cols, 32)), dim3(32, partial_lanes),
          partial_lanes * 32 * sizeof(float), stream},
         add_partials<N>, partial, blocks, cols, to);
}

/// Blocks that leave `columns` partial sums each, for `rows` rows, so that they fit the workspace.
inline std::int64_t partial_blocks(Workspace workspace, std::int64_t rows, std::int64_t columns,
                                   std::int64_t rows_a_block, std::int64_t most) {
  const auto room = static_cast<std::int64_t>(workspace.bytes / sizeof(float));
  check(columns <= room, "Sums over {} columns do not fit the GPU workspace of {} bytes.", columns,
        workspace.bytes);
  return std::min(
      {(rows + rows_a_block - 1) / rows_a_block, most, room / std::max<std::int64_t>(1, columns)});
}

/// y[k] (+)= the k-th sum of F over all rows. `operands` are what F loads by vectors.
template <class F, class... Tensors>
void sum_columns(cudaStream_t stream, Workspace workspace, std::int64_t rows, std::int64_t cols,
                 const F& f, const std::array<float*, F::outputs>& y, Write mode,
                 const Tensors&... operands) {
  constexpr std::int64_t rows_a_block = 64, most_blocks = 128;
  const auto blocks = partial_blocks(workspace, rows, F::outputs * cols, rows_a_block, most_blocks);
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
  sum_partials<F::outputs>(stream, partial, blocks, cols, y, mode);
}

}  // namespace ijepa::cuda
