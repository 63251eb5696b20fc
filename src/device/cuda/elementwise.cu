// Memory and element-wise operations.
#include "../cpu/checks.hpp"
#include "cuda_ops.hpp"
#include "dispatch.hpp"

namespace ijepa::cuda {
namespace {

using cpu::expect_matrix;
using cpu::expect_same_size;
using cpu::expect_same_width;
using cpu::expect_type;
using cpu::expect_vector;

template <class X, class Y>
struct Copy {
  const X* x;
  Y* y;
  template <int W>
  __device__ void at(std::int64_t i) const {
    store<W>(y + i, load<W>(x + i));
  }
};

template <class X, class Y>
struct GeluForward {
  const X* x;
  Y* y;
  template <int W>
  __device__ void at(std::int64_t i) const {
    auto v = load<W>(x + i);
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] = gelu(v[j]);
    store<W>(y + i, v);
  }
};

template <class X, class D>
struct GeluBackward {
  const X* x;
  D* dy;
  D* y;  // null: not wanted
  template <int W>
  __device__ void at(std::int64_t i) const {
    auto v = load<W>(x + i);
    auto d = load<W>(dy + i);
#pragma unroll
    for (int j = 0; j < W; ++j) d[j] *= gelu_gradient(v[j]);
    store<W>(dy + i, d);
    if (y == nullptr) return;
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] = gelu(v[j]);
    store<W>(y + i, v);
  }
};

template <class A, class B, class Y>
struct Add {
  const A* a;
  const B* b;
  Y* y;
  template <int W>
  __device__ void at(std::int64_t i) const {
    auto sum = load<W>(a + i);
    const auto v = load<W>(b + i);
#pragma unroll
    for (int j = 0; j < W; ++j) sum[j] += v[j];
    store<W>(y + i, sum);
  }
};

/// y = a x / |s| + b y; squares may be null, and y is not read where b is 0.
template <class X, class Y>
struct ScaledSum {
  const X* x;
  Y* y;
  float a, b;
  const float* squares;
  template <int W>
  __device__ void at(std::int64_t i) const {
    float factor = a;
    if (squares != nullptr) factor /= fmaxf(std::sqrt(*squares), static_cast<float>(least_divisor));
    auto v = load<W>(x + i);
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] *= factor;
    if (b != 0) {
      const auto before = load<W>(y + i);
#pragma unroll
      for (int j = 0; j < W; ++j) v[j] += b * before[j];
    }
    store<W>(y + i, v);
  }
};

/// y = a + scale[sequence of the row] b; a may be null.
template <class A, class B, class Y>
struct AddScaledRows {
  const A* a;
  const B* b;
  const float* scale;
  const std::int32_t* sequence;
  Y* y;
  std::int64_t cols;
  template <int W>
  __device__ void at(std::int64_t row, std::int64_t col) const {
    const auto i = row * cols + col;
    const float s = scale[sequence[row]];
    auto v = load<W>(b + i);
#pragma unroll
    for (int j = 0; j < W; ++j) v[j] *= s;
    if (a != nullptr) {
      const auto base = load<W>(a + i);
#pragma unroll
      for (int j = 0; j < W; ++j) v[j] += base[j];
    }
    store<W>(y + i, v);
  }
};

}  // namespace

void CudaOps::upload(const void* host, Tensor dst) {
  staging_.upload(host, dst.data, dst.bytes(), stream_);
}

void CudaOps::upload_input(const void* host, Tensor dst) {
  inputs_.upload(host, dst.data, dst.bytes(), stream_);
}

void CudaOps::download(Tensor src, void* host) {
  constexpr std::size_t few_bytes = 1 << 16;
  if (src.bytes() > few_bytes) return staging_.download(src.data, host, src.bytes(), stream_);
  check_cuda(cudaMemcpyAsync(host, src.data, src.bytes(), cudaMemcpyDeviceToHost, stream_),
             "a download");
}

void CudaOps::synchronize() {
  check_cuda(cudaStreamSynchronize(stream_), "work that was started earlier");
}

void CudaOps::fill_zero(Tensor y) {
  check_cuda(cudaMemsetAsync(y.data, 0, y.bytes(), stream_), "fill_zero");
}

void CudaOps::copy(Tensor x, Tensor y) {
  expect_same_size("copy", "y", y, x);
  on_types(
      [&]<class X, class Y>(X* xs, Y* ys) {
        run_elements(stream_, x.numel(), Copy<X, Y>{xs, ys}, x, y);
      },
      x, y);
}

void CudaOps::gelu_forward(Tensor x, Tensor y) {
  expect_same_size("gelu_forward", "y", y, x);
  expect_same_width("gelu_forward", "y", y, x);
  on_types(
      [&]<class X, class Y>(X* xs, Y* ys) {
        run_elements(stream_, x.numel(), GeluForward<X, Y>{xs, ys}, x, y);
      },
      x, y);
}

void CudaOps::gelu_backward(Tensor x, Tensor dy_inout) {
  expect_same_size("gelu_backward", "dy", dy_inout, x);
  expect_same_width("gelu_backward", "dy", dy_inout, x);
  on_types(
      [&]<class X, class D>(X* xs, D* dys) {
        run_elements(stream_, x.numel(), GeluBackward<X, D>{xs, dys, nullptr}, x, dy_inout);
      },
      x, dy_inout);
}

void CudaOps::linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) {
  constexpr auto op = "linear_backward_input_gelu";
  linear_backward_input(dy, w, dx);
  expect_same_size(op, "pre", pre, dx);
  expect_same_size(op, "y", y, dx);
  expect_type(op, "pre", pre, dx.dtype);
  expect_type(op, "y", y, dx.dtype);
  on_types(
      [&]<class X, class D>(X* xs, D* dxs) {
        run_elements(stream_, dx.numel(), GeluBackward<X, D>{xs, dxs, y.as<D>()}, pre, dx, y);
      },
      pre, dx);
}

void CudaOps::add(Tensor a, Tensor b, Tensor y) {
  expect_same_size("add", "b", b, a);
  expect_same_size("add", "y", y, a);
  on_types(
      [&]<class A, class B, class Y>(A* as, B* bs, Y* ys) {
        run_elements(stream_, a.numel(), Add<A, B, Y>{as, bs, ys}, a, b, y);
      },
      a, b, y);
}

void CudaOps::scaled_sum(double a, Tensor x, Tensor squares, double b, Tensor y) {
  expect_same_size("scaled_sum", "y", y, x);
  expect_same_width("scaled_sum", "y", y, x);
  if (!squares.empty()) expect_vector("scaled_sum", "squares", squares, DType::f32, 1);
  on_types(
      [&]<class X, class Y>(X* xs, Y* ys) {
        run_elements(stream_, x.numel(),
                     ScaledSum<X, Y>{xs, ys, static_cast<float>(a), static_cast<float>(b),
                                     optional<float>(squares)},
                     x, y);
      },
      x, y);
}

void CudaOps::add_scaled_rows(Tensor a, Tensor b, Tensor scale, Tensor row_sequence, Tensor y) {
  constexpr auto op = "add_scaled_rows";
  const auto rows = b.rows(), cols = b.cols();
  if (!a.empty()) expect_matrix(op, "a", a, rows, cols);
  expect_matrix(op, "y", y, rows, cols);
  expect_vector(op, "row_sequence", row_sequence, DType::i32, rows);
  const Tensor first = a.empty() ? y : a;
  on_types(
      [&]<class A, class B, class Y>(A* as, B* bs, Y* ys) {
        run_rows(stream_, rows, cols,
                 AddScaledRows<A, B, Y>{a.empty() ? nullptr : as, bs, scale.as<float>(),
                                        row_sequence.as<std::int32_t>(), ys, cols},
                 first, b, y);
      },
      first, b, y);
}

}  // namespace ijepa::cuda
