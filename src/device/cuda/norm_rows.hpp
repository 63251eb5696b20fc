// What the kernels of layer norm, forward and backward, and of the loss share: how many rows a
// block takes, the statistics of a row, and the factors of branches.
#pragma once
#include <algorithm>

#include "cuda_ops.hpp"
#include "dispatch.hpp"
#include "reduce.hpp"

namespace ijepa::cuda {

/// Rows, a warp each, that a block works on at a time.
constexpr unsigned most_norm_rows = 4;

/// As many rows as the shared memory that every launch may have lets, with so many bytes for each.
inline unsigned norm_rows_of_block(std::int64_t bytes_a_row) {
  constexpr std::int64_t shared_bytes = 48 << 10;
  check(bytes_a_row <= shared_bytes,
        "A layer norm of so many features needs {} bytes of a GPU's shared memory, but a block may "
        "have {}.",
        bytes_a_row, shared_bytes);
  return static_cast<unsigned>(std::min<std::int64_t>(
      most_norm_rows, shared_bytes / std::max<std::int64_t>(1, bytes_a_row)));
}

/// Puts a row into `kept`, shared memory of a warp, from which each lane reads what it wrote:
/// at(col) gives W of its values. Returns the lane's share of their sum.
template <int W, class F>
__device__ __forceinline__ float keep_row(int cols, float* kept, const F& at) {
  float sum = 0;
#pragma unroll 1  // of the loops over a row: more vectors at once, and ptxas spills registers
  for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
    const auto v = at(col);
    store<W>(kept + col, v);
#pragma unroll
    for (int j = 0; j < W; ++j) sum += v[j];
  }
  return sum;
}

struct RowStatistics {
  float mean, rstd;
};

/// Of a kept row; `sum` is what keep_row returned.
template <int W>
__device__ __forceinline__ RowStatistics row_statistics(int cols, const float* kept, float sum,
                                                        float epsilon) {
  const float m = warp_sum(sum) / static_cast<float>(cols);
  float squares = 0;
#pragma unroll 1
  for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
    const auto v = load<W>(kept + col);
#pragma unroll
    for (int j = 0; j < W; ++j) squares += (v[j] - m) * (v[j] - m);
  }
  return {m, 1 / std::sqrt(warp_sum(squares) / static_cast<float>(cols) + epsilon)};
}

/// A factor a row: 1 without drop path.
struct RowScale {
  const float* scale;  // null: 1
  const std::int32_t* sequence;
  __device__ float of(std::int64_t row) const {
    return scale != nullptr ? scale[sequence[row]] : 1;
  }
};

inline RowScale row_scale(const Tensor& scale, const Tensor& row_sequence) {
  if (scale.empty()) return {nullptr, nullptr};
  return {scale.as<float>(), row_sequence.as<std::int32_t>()};
}

}  // namespace ijepa::cuda
