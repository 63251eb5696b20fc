// Vectors of W neighbouring elements, moved in 16-byte accesses and computed on as float32.
#pragma once
#include <cstdint>

#include "gpu.hpp"

namespace ijepa::cuda {

/// Elements a thread moves at a time where addresses allow it; else 1.
constexpr int vector_width = 8;

template <int W>
struct Floats {
  float v[W];
  __device__ __forceinline__ float& operator[](int i) { return v[i]; }
  __device__ __forceinline__ float operator[](int i) const { return v[i]; }
};

template <class T, int W>
struct alignas(W * sizeof(T) < 16 ? W * sizeof(T) : 16) Packed {
  T v[W];
};

template <int W, class T>
__device__ __forceinline__ Floats<W> load(const T* p) {
  using P = Packed<T, W>;
#ifndef __CUDACC__
  emulation::check_aligned(p, alignof(P));
#endif
  const P raw = *reinterpret_cast<const P*>(p);
  Floats<W> x;
#pragma unroll
  for (int i = 0; i < W; ++i) x[i] = to_float(raw.v[i]);
  return x;
}

template <int W, class T>
__device__ __forceinline__ void store(T* p, const Floats<W>& x) {
  using P = Packed<T, W>;
#ifndef __CUDACC__
  emulation::check_aligned(p, alignof(P));
#endif
  P raw;
#pragma unroll
  for (int i = 0; i < W; ++i) raw.v[i] = from_float<T>(x[i]);
  *reinterpret_cast<P*>(p) = raw;
}

/// Calls f.template at<W>(i) for vectors of the elements below n, one vector a thread; the elements
/// behind the last whole vector one by one.
template <int W, class F>
__global__ void __launch_bounds__(256) each_element(std::int64_t n, F f) {
  std::int64_t i = (static_cast<std::int64_t>(blockIdx.x) * blockDim.x + threadIdx.x) * W;
  if (i + W <= n) {
    f.template at<W>(i);
  } else {
    for (; i < n; ++i) f.template at<1>(i);
  }
}

/// Calls f.template at<W>(row, column) for every vector of a (rows, cols) matrix, a warp a row.
template <int W, class F>
__global__ void __launch_bounds__(256) each_row(std::int64_t rows, std::int64_t cols, F f) {
  const std::int64_t row = static_cast<std::int64_t>(blockIdx.x) * blockDim.y + threadIdx.y;
  if (row >= rows) return;
  for (std::int64_t col = threadIdx.x * W; col < cols; col += 32 * W) f.template at<W>(row, col);
}

}  // namespace ijepa::cuda
