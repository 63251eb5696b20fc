// What the kernels of layer norm, forward and backward, share: how many rows a block takes, and the
// factors of branches.
#pragma once
#include <algorithm>

#include "cuda_ops.hpp"
#include "dispatch.hpp"

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
