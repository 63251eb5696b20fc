#include "planted.hpp"
#include "src/device/cuda/reduce.hpp"
#include "src/device/cuda/vector.hpp"

namespace ijepa::test {
namespace {

constexpr int sum_threads = 128, warps = sum_threads / 32;

__device__ float total(float x, Bug bug, float* parts) {
  x = cuda::warp_sum(x);
  const unsigned warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  if (bug != Bug::write_before_barrier) __syncthreads();
  if (lane == 0) parts[warp] = x;
  if (bug != Bug::read_before_barrier) __syncthreads();
  return cuda::warp_sum(lane < warps ? parts[lane] : 0.0F);
}

__global__ void sums(Bug bug, const float* x, float* out) {
  auto* parts = cuda::shared_memory<float>();
  const float v = x[threadIdx.x];
  const float first = total(v, bug, parts), second = total(v * v, bug, parts);
  if (bug != Bug::divergent_barrier || threadIdx.x < 32) __syncthreads();
  if (threadIdx.x == 0) {
    out[0] = first;
    out[1] = second;
  }
}

__global__ void count(Bug bug, float* result) {
  if (threadIdx.x != 0) return;
  if (bug == Bug::lost_update)
    result[0] += 1;
  else
    atomicAdd(result, 1.0F);
}

__global__ void copy(Bug bug, const float* x, float* y, std::int64_t n) {
  const std::int64_t i = (blockIdx.x * 8LL + threadIdx.x) * 8;
  if (bug == Bug::misaligned_load && i + 9 <= n)
    cuda::store<8>(y + i, cuda::load<8>(x + i + 1));
  else if (i + 8 <= n)
    cuda::store<8>(y + i, cuda::load<8>(x + i));
  else
    for (std::int64_t j = i; j < n + (bug == Bug::one_past_the_end ? 1 : 0); ++j)
      y[j] = j < n ? x[j] : 0.0F;
}

}  // namespace

void run_sums(cudaStream_t stream, Bug bug, const float* x, float* out) {
  const std::size_t bytes = (bug == Bug::short_shared_memory ? warps - 1 : warps) * sizeof(float);
  cuda::launch({dim3(1), dim3(sum_threads), bytes, stream}, sums, bug, x, out);
}

void run_count(cudaStream_t stream, Bug bug, float* result) {
  cuda::launch({dim3(8), dim3(32), 0, stream}, count, bug, result);
}

void run_copy(cudaStream_t stream, Bug bug, const float* x, float* y, std::int64_t n) {
  const auto blocks = static_cast<unsigned>((n + 63) / 64);
  cuda::launch({dim3(bug == Bug::too_few_blocks ? blocks - 1 : blocks), dim3(8), 0, stream}, copy,
               bug, x, y, n);
}

}  // namespace ijepa::test
