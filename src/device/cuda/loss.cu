// Sums over all elements, in two passes of fixed order: the loss with its gradient, and norms. The
// loss forms its targets on the way: a warp a row, which memory is read for once.
#include "../cpu/norm_checks.hpp"
#include "norm_rows.hpp"

namespace ijepa::cuda {
namespace {

constexpr unsigned sum_threads = 256;
constexpr std::int64_t most_blocks = 1024;
constexpr std::size_t parts_bytes = sum_threads / 32 * sizeof(double);

/// partial[block] = the block's share of the sum of f.template at<W>(i).
template <int W, class F>
__global__ void __launch_bounds__(sum_threads) sum_blocks(std::int64_t n, F f, double* partial) {
  double sum = 0;
  const std::int64_t stride = static_cast<std::int64_t>(gridDim.x) * sum_threads * W;
  std::int64_t i = (static_cast<std::int64_t>(blockIdx.x) * sum_threads + threadIdx.x) * W;
  for (; i + W <= n; i += stride) sum += f.template at<W>(i);
  for (; i < n; ++i) sum += f.template at<1>(i);
  sum = block_sum(sum, shared_memory<double>());
  if (threadIdx.x == 0) partial[blockIdx.x] = sum;
}

/// result += scale * sum of the partial sums.
__global__ void __launch_bounds__(sum_threads)
    add_sum(const double* partial, unsigned count, double scale, float* result) {
  double sum = 0;
  for (unsigned i = threadIdx.x; i < count; i += sum_threads) sum += partial[i];
  sum = block_sum(sum, shared_memory<double>());
  if (threadIdx.x == 0) result[0] = static_cast<float>(result[0] + scale * sum);
}

void add_partials(cudaStream_t stream, const double* partial, unsigned count, double scale,
                  Tensor result) {
  launch({dim3(1), dim3(sum_threads), parts_bytes, stream}, add_sum, partial, count, scale,
         result.as<float>());
}

template <class F, class... Tensors>
void sum_elements(cudaStream_t stream, Workspace workspace, std::int64_t n, const F& f,
                  Tensor result, const Tensors&... operands) {
  if (n == 0) return;
  auto* partial = static_cast<double*>(workspace.data);
  with_width(
      true,
      [&]<int W>(std::integral_constant<int, W>) {
        const auto blocks = std::min<std::int64_t>(blocks_for(n, sum_threads * W), most_blocks);
        launch({dim3(static_cast<unsigned>(blocks)), dim3(sum_threads), parts_bytes, stream},
               sum_blocks<W, F>, n, f, partial);
        add_partials(stream, partial, static_cast<unsigned>(blocks), 1, result);
      },
      operands...);
}

template <class X>
struct Squares {
  const X* x;
  template <int W>
  __device__ float at(std::int64_t i) const {
    const auto v = load<W>(x + i);
    float sum = 0;
#pragma unroll
    for (int j = 0; j < W; ++j) sum += v[j] * v[j];
    return sum;
  }
};

/// Rows of predictions with the features that their targets are the norms of.
template <class P, class T, class D>
struct PredictionRows {
  const P* prediction;
  const T* features;
  const std::int32_t* rows;
  D* dprediction;
  float epsilon, scale;
  const float *shift, *factor;  // null: rows are normalised
  std::int64_t positions;
};

/// d (W) -= the target at `col` of a row whose features are t, with its statistics m and r.
template <int W, class Rows, class V>
__device__ __forceinline__ void subtract_target(const Rows& p, std::int32_t row, int cols, int col,
                                                const V& t, RowStatistics s, V& d) {
  if (p.shift == nullptr) {
#pragma unroll
    for (int j = 0; j < W; ++j) d[j] -= (t[j] - s.mean) * s.rstd;
    return;
  }
  const auto shift = load<W>(p.shift + row % p.positions * cols + col);
  const auto factor = load<W>(p.factor + col);
#pragma unroll
  for (int j = 0; j < W; ++j) d[j] -= (t[j] + shift[j]) * factor[j];
}

/// partial[warp of the grid] = the loss of its rows; writes their gradients.
template <int W, class P, class T, class D>
__global__ void __launch_bounds__(32 * most_norm_rows)
    sum_row_losses(std::int64_t rows, int cols, PredictionRows<P, T, D> p, double* partial) {
  float* kept = shared_memory<float>() + static_cast<int>(threadIdx.y) * cols;
  const std::int64_t warp = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  double total = 0;
  for (std::int64_t row = warp; row < rows; row += std::int64_t{gridDim.x} * blockDim.y) {
    const T* feature = p.features + std::int64_t{p.rows[row]} * cols;
    const float own = keep_row<W>(cols, kept, [&](int col) { return load<W>(feature + col); });
    const auto statistics = row_statistics<W>(cols, kept, own, p.epsilon);
    float sum = 0;
#pragma unroll 1
    for (int col = static_cast<int>(threadIdx.x) * W; col < cols; col += 32 * W) {
      auto d = load<W>(p.prediction + row * cols + col);
      subtract_target<W>(p, p.rows[row], cols, col, load<W>(kept + col), statistics, d);
#pragma unroll
      for (int j = 0; j < W; ++j) {
        sum += ijepa::smooth_l1(d[j]);
        d[j] = p.scale * smooth_l1_gradient(d[j]);
      }
      store<W>(p.dprediction + row * cols + col, d);
    }
    total += sum;
  }
  total = warp_sum(total);
  if (threadIdx.x == 0) partial[warp] = total;
}

}  // namespace

void CudaOps::smooth_l1(Tensor prediction, const TargetRows& targets, double scale,
                        Tensor loss_accum, Tensor dprediction) {
  cpu::expect_loss("smooth_l1", prediction, targets, dprediction);
  const auto rows = prediction.rows(), cols = prediction.cols();
  if (rows == 0) return;
  const auto bytes = cols * static_cast<std::int64_t>(sizeof(float));
  const unsigned warps = norm_rows_of_block(bytes);
  const auto blocks =
      static_cast<unsigned>(std::min<std::int64_t>(blocks_for(rows, warps), most_blocks));
  auto* partial = static_cast<double*>(workspace_.data);
  const bool centred = !targets.shift.empty();
  on_types(
      [&]<class P, class T, class D>(const P* predictions, const T* features, D* dpredictions) {
        const PredictionRows<P, T, D> p{predictions,
                                        features,
                                        targets.rows.as<std::int32_t>(),
                                        dpredictions,
                                        static_cast<float>(targets.epsilon),
                                        static_cast<float>(scale),
                                        centred ? targets.shift.as<float>() : nullptr,
                                        centred ? targets.factor.as<float>() : nullptr,
                                        centred ? targets.shift.rows() : 1};
        with_width(
            cols % vector_width == 0,
            [&]<int W>(std::integral_constant<int, W>) {
              launch(
                  {dim3(blocks), dim3(32, warps), static_cast<std::size_t>(warps * bytes), stream_},
                  sum_row_losses<W, P, T, D>, rows, static_cast<int>(cols), p, partial);
            },
            prediction, targets.features, dprediction, targets.shift, targets.factor);
      },
      prediction, targets.features, dprediction);
  add_partials(stream_, partial, blocks * warps, scale, loss_accum);
}

void CudaOps::sum_squares(Tensor x, Tensor result_accum) {
  on_types(
      [&]<class X>(X* xs) {
        sum_elements(stream_, workspace_, x.numel(), Squares<X>{xs}, result_accum, x);
      },
      x);
}

}  // namespace ijepa::cuda
