// Sums over all elements, in two passes of fixed order: the loss with its gradient, and norms.
#include "../cpu/checks.hpp"
#include "cuda_ops.hpp"
#include "dispatch.hpp"
#include "reduce.hpp"

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
    add_sum(const double* partial, unsigned blocks, double scale, float* result) {
  double sum = 0;
  for (unsigned b = threadIdx.x; b < blocks; b += sum_threads) sum += partial[b];
  sum = block_sum(sum, shared_memory<double>());
  if (threadIdx.x == 0) result[0] = static_cast<float>(result[0] + scale * sum);
}

template <class F, class... Tensors>
void sum_elements(cudaStream_t stream, Workspace workspace, std::int64_t n, const F& f,
                  double scale, Tensor result, const Tensors&... operands) {
  if (n == 0) return;
  auto* partial = static_cast<double*>(workspace.data);
  with_width(
      true,
      [&]<int W>(std::integral_constant<int, W>) {
        const auto blocks = std::min<std::int64_t>(blocks_for(n, sum_threads * W), most_blocks);
        launch({dim3(static_cast<unsigned>(blocks)), dim3(sum_threads), parts_bytes, stream},
               sum_blocks<W, F>, n, f, partial);
        launch({dim3(1), dim3(sum_threads), parts_bytes, stream}, add_sum, partial,
               static_cast<unsigned>(blocks), scale, result.as<float>());
      },
      operands...);
}

/// The loss of W elements; writes their gradients.
template <class P, class T, class D>
struct SmoothL1 {
  const P* prediction;
  const T* target;
  D* dprediction;
  float scale;
  template <int W>
  __device__ float at(std::int64_t i) const {
    auto d = load<W>(prediction + i);
    const auto t = load<W>(target + i);
    float sum = 0;
#pragma unroll
    for (int j = 0; j < W; ++j) {
      d[j] -= t[j];
      sum += ijepa::smooth_l1(d[j]);
      d[j] = scale * smooth_l1_gradient(d[j]);
    }
    store<W>(dprediction + i, d);
    return sum;
  }
};

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

}  // namespace

void CudaOps::smooth_l1(Tensor prediction, Tensor target, double scale, Tensor loss_accum,
                        Tensor dprediction) {
  cpu::expect_same_size("smooth_l1", "target", target, prediction);
  cpu::expect_same_size("smooth_l1", "dprediction", dprediction, prediction);
  on_types(
      [&]<class P, class T, class D>(P* p, T* t, D* d) {
        sum_elements(stream_, workspace_, prediction.numel(),
                     SmoothL1<P, T, D>{p, t, d, static_cast<float>(scale)}, scale, loss_accum,
                     prediction, target, dprediction);
      },
      prediction, target, dprediction);
}

void CudaOps::sum_squares(Tensor x, Tensor result_accum) {
  on_types(
      [&]<class X>(X* xs) {
        sum_elements(stream_, workspace_, x.numel(), Squares<X>{xs}, 1, result_accum, x);
      },
      x);
}

}  // namespace ijepa::cuda
