// Matmul: matrix products on a stream, computed by cuBLASLt.
#pragma once
#include <cuda_runtime_api.h>

#include <compare>
#include <cstdint>
#include <memory>
#include <string>

#include "ijepa/core/log.hpp"
#include "ijepa/core/tensor.hpp"

namespace ijepa::cuda {

/// c (m, n) = op(a) op(b) [+ bias] [+ c], all row-major and contiguous: op(a) is (m, k), op(b) is
/// (k, n), and a transposed operand is stored the other way round. a and b have one type; c has it
/// too, or float32. Sums are float32.
struct Product {
  std::int64_t m, n, k;
  DType type, c_type;
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;
  bool bias = false;  // (n) in the type of c

  auto operator<=>(const Product&) const = default;
};

class Matmul {
 public:
  virtual ~Matmul() = default;
  /// m, n and k are at least 1; no operand overlaps c.
  virtual void run(const Product& p, const void* a, const void* b, const void* bias, void* c) = 0;
};

/// Where algorithms that were found by measurement are kept.
struct Measuring {
  std::string file;  // empty: nothing is measured, the library's first suggestion is taken
  std::string gpu;   // name and compute capability
  Log log;
};

/// The library's handle, plans and workspace for products on `stream`. An Error where the library
/// is missing, or the file of choices cannot be opened.
std::unique_ptr<Matmul> make_matmul(cudaStream_t stream, const Measuring& measuring);

}  // namespace ijepa::cuda
