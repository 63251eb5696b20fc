// Layer norm, alone and after the addition of a branch: a warp a row. Memory is read once; shared
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
  const int first = static_cast<int>(threadIdx.x) * W;
  float sum = 0;
#pragma unroll 1  // of these loops: more vectors at once, and ptxas spills registers
  for (int col = first; col < cols; col += 32 * W) {
    const auto v = in.template at<W>(row, row * cols + col);
    store<W>(kept + col, v);
#pragma unroll
    for (int j = 0; j < W; ++j) sum += v[j];
  }
  const float m = warp_sum(sum) / static_cast<float>(cols);
  float squares = 0;
#pragma unroll 1
  for (int col = first; col < cols; col += 32 * W) {
    const auto v = load<W>(kept + col);
#pragma unroll
    for (int j = 0; j < W; ++j) squares += (v[j] - m) * (v[j] - m);
  }
  const float r = 1 / std::sqrt(warp_sum(squares) / static_cast<float>(cols) + out.epsilon);
#pragma unroll 1
  for (int col = first; col < cols; col += 32 * W) {
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

void CudaOps::layer_norm_forward(Tensor x, Tensor w, Tensor b, double epsilon, Tensor y,
                                 Tensor mean, Tensor rstd) {
  cpu::expect_norm("layer_norm_forward", {.sum = x}, w, b, y, mean, rstd);
  on_types(
      [&]<class X, class Y>(const X* xs, Y* ys) {
        const NormOutputs<Y> out{
            optional<float>(w), optional<float>(b), static_cast<float>(epsilon), ys,
            mean.as<float>(),   rstd.as<float>()};
        normalise(stream_, x.rows(), x.cols(), Rows<X>{xs}, out, x, y, w, b);
      },
      x, y);
}

void CudaOps::add_layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon,
                                     Tensor y, Tensor mean, Tensor rstd) {
  cpu::expect_norm("add_layer_norm_forward", s, w, b, y, mean, rstd);
  on_types(
      [&]<class X, class B, class Y>(X* sums, const B* branch, Y* ys) {
        const NormOutputs<Y> out{
            optional<float>(w), optional<float>(b), static_cast<float>(epsilon), ys,
            mean.as<float>(),   rstd.as<float>()};
        const SumRows<X, B> in{static_cast<const X*>(s.residual.data), branch,
                               row_scale(s.scale, s.row_sequence), sums};
        normalise(stream_, s.sum.rows(), s.sum.cols(), in, out, s.sum, s.branch, s.residual, y, w,
                  b);
      },
      s.sum, s.branch, y);
}

}  // namespace ijepa::cuda
