// Layer norm, and the addition of a branch before it: a warp a row. Memory is read once; shared
// memory holds the row between the passes over it that mean, variance and result take.
#include "../cpu/norm_checks.hpp"
#include "norm_rows.hpp"
#include "reduce.hpp"

namespace ijepa::cuda {
namespace {

template <class X>
struct Rows {
  const X* x;
  template <int W>
  __device__ Floats<W> at(std::int64_t, std::int64_t i) const {
    return load<W>(x + i);
  }
};

/// Rows that are formed here: residual + scale branch, as the sum is stored.
template <class X, class B>
struct SumRows {
  const X* residual;
  const B* branch;
  RowScale scale;
  X* sum;
  template <int W>
  __device__ Floats<W> at(std::int64_t row, std::int64_t i) const {
    const float s = scale.of(row);
    auto v = load<W>(branch + i);
    const auto base = load<W>(residual + i);
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] = to_float(from_float<X>(base[j] + s * v[j]));
    store<W>(sum + i, v);
    return v;
  }
};

template <class Y>
struct NormOutputs {
  const float *w, *b;  // null: no affine part
  float epsilon;
  Y* y;
  float *mean, *rstd;
};

template <int W, class In, class Y>
__global__ void __launch_bounds__(32 * most_norm_rows)
    normalise_rows(std::int64_t rows, int cols, In in, NormOutputs<Y> out) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  float* kept = shared_memory<float>() + static_cast<int>(threadIdx.y) * cols;
  const float sum =
      keep_row<W>(cols, kept, [&](int col) { return in.template at<W>(row, row * cols + col); });
  const auto [m, r] = row_statistics<W>(cols, kept, sum, out.epsilon);
#pragma unroll 1
  for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
    auto v = load<W>(kept + col);
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] = (v[j] - m) * r;
    if (out.w != nullptr) {
      const auto scale = load<W>(out.w + col), shift = load<W>(out.b + col);
#pragma unroll
      for (int j = 0; j < W; ++j) v[j] = v[j] * scale[j] + shift[j];
    }
    store<W>(out.y + row * cols + col, v);
  }
  if (threadIdx.x == 0) {
    out.mean[row] = m;
    out.rstd[row] = r;
  }
}

template <class In, class Y, class... Tensors>
void normalise(cudaStream_t stream, std::int64_t rows, std::int64_t cols, const In& in,
               const NormOutputs<Y>& out, const Tensors&... operands) {
  if (rows == 0) return;
  const auto bytes = cols * static_cast<std::int64_t>(sizeof(float));
  const unsigned together = norm_rows_of_block(bytes);
  with_width(
      cols % vector_width == 0,
      [&]<int W>(std::integral_constant<int, W>) {
        launch({dim3(blocks_for(rows, together)), dim3(32, together),
                static_cast<std::size_t>(together * bytes), stream},
               normalise_rows<W, In, Y>, rows, static_cast<int>(cols), in, out);
      },
      operands...);
}

}  // namespace

void CudaOps::layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon, Tensor y,
                                 Tensor mean, Tensor rstd) {
  cpu::expect_norm("layer_norm_forward", s, w, b, y, mean, rstd);
  const auto rows = s.sum.rows(), cols = s.sum.cols();
  const Tensor branch = s.branch.empty() ? s.sum : s.branch;
  on_types(
      [&]<class X, class B, class Y>(X* sums, const B* branches, Y* ys) {
        const NormOutputs<Y> out{
            optional<float>(w), optional<float>(b), static_cast<float>(epsilon), ys,
            mean.as<float>(),   rstd.as<float>()};
        if (s.branch.empty())
          return normalise(stream_, rows, cols, Rows<X>{sums}, out, s.sum, y, w, b);
        const SumRows<X, B> in{static_cast<const X*>(s.residual.data), branches,
                               row_scale(s.scale, s.row_sequence), sums};
        normalise(stream_, rows, cols, in, out, s.sum, s.branch, s.residual, y, w, b);
      },
      s.sum, branch, y);
}

}  // namespace ijepa::cuda
