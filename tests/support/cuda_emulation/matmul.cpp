// The double of cuBLASLt on the emulated device: the same products on the same stream, with the
// library's rules for operands checked, which it checks itself only on a device.
#include "src/device/cuda/matmul.hpp"

#include <cuda_emulation.hpp>
#include <vector>

#include "ijepa/core/error.hpp"

namespace ijepa::cuda {
namespace {

double element(const void* data, DType type, std::int64_t i) {
  if (type == DType::f32) return static_cast<const float*>(data)[i];
  return static_cast<float>(static_cast<const BFloat16*>(data)[i]);
}

/// The operand as double (rows, cols), of a matrix stored that way or transposed.
std::vector<double> as_rows(const void* data, DType type, std::int64_t rows, std::int64_t cols,
                            bool transposed) {
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(rows * cols));
  for (std::int64_t i = 0; i < rows; ++i)
    for (std::int64_t j = 0; j < cols; ++j)
      values.push_back(element(data, type, transposed ? j * rows + i : i * cols + j));
  return values;
}

void set_element(void* data, DType type, std::int64_t i, double value) {
  if (type == DType::f32)
    static_cast<float*>(data)[i] = static_cast<float>(value);
  else
    static_cast<BFloat16*>(data)[i] = BFloat16(static_cast<float>(value));
}

std::size_t bytes_of(DType type, std::int64_t count) {
  return static_cast<std::size_t>(count) * size_of(type);
}

void expect_rules(const Product& p, const void* a, const void* b, const void* bias, void* c) {
  check(p.m > 0 && p.n > 0 && p.k > 0, "cuBLASLt refuses a product of ({}, {}) and ({}, {}).", p.m,
        p.k, p.k, p.n);
  const bool types = (p.type == DType::f32 && p.c_type == DType::f32) ||
                     (p.type == DType::bf16 && (p.c_type == DType::bf16 || p.c_type == DType::f32));
  check(types, "cuBLASLt refuses a {} product with a {} result.", name_of(p.type),
        name_of(p.c_type));
  check(p.bias == (bias != nullptr), "A product with a bias needs its address, and only that.");
  emulation::check_aligned(a, size_of(p.type));
  emulation::check_aligned(b, size_of(p.type));
  // The library's own kernels store results and biases in vectors of at least this.
  emulation::check_aligned(c, 16);
  emulation::check_aligned(bias, 16);
}

void multiply(const Product& p, const void* a, const void* b, const void* bias, void* c) {
  emulation::check_range(a, bytes_of(p.type, p.m * p.k), false);
  emulation::check_range(b, bytes_of(p.type, p.k * p.n), false);
  if (p.bias) emulation::check_range(bias, bytes_of(p.c_type, p.n), false);
  if (p.accumulate) emulation::check_range(c, bytes_of(p.c_type, p.m * p.n), false);
  emulation::check_range(c, bytes_of(p.c_type, p.m * p.n), true);
  const auto rows = as_rows(a, p.type, p.m, p.k, p.transpose_a);
  const auto cols = as_rows(b, p.type, p.n, p.k, !p.transpose_b);
  for (std::int64_t i = 0; i < p.m; ++i)
    for (std::int64_t j = 0; j < p.n; ++j) {
      double sum = p.bias ? element(bias, p.c_type, j) : 0;
      if (p.accumulate) sum += element(c, p.c_type, i * p.n + j);
      const double *x = rows.data() + i * p.k, *y = cols.data() + j * p.k;
      for (std::int64_t t = 0; t < p.k; ++t) sum += x[t] * y[t];
      set_element(c, p.c_type, i * p.n + j, sum);
    }
}

class EmulatedMatmul final : public Matmul {
 public:
  explicit EmulatedMatmul(cudaStream_t stream) : stream_(stream) {}
  void run(const Product& p, const void* a, const void* b, const void* bias, void* c) override {
    expect_rules(p, a, b, bias, c);
    emulation::enqueue("matrix product", stream_, emulation::Where::current(),
                       [=] { multiply(p, a, b, bias, c); });
  }

 private:
  cudaStream_t stream_;
};

}  // namespace

std::unique_ptr<Matmul> make_matmul(cudaStream_t stream) {
  return std::make_unique<EmulatedMatmul>(stream);
}

}  // namespace ijepa::cuda
