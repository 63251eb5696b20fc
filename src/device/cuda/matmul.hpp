// Matmul: matrix products on a stream, computed by cuBLASLt.
#pragma once
#include <cuda_runtime_api.h>

#include <compare>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "ijepa/core/log.hpp"
#include "ijepa/core/tensor.hpp"

namespace ijepa::cuda {

/// What is done with a vector beside a product.
enum class Epilogue : std::uint8_t {
  none,
  bias,  // the vector (n), in the type of c, is added to every row of c
  sums   // the vector (m), float32, becomes the sums of op(a) over k; not where c is added to
};

/// c (m, n) = op(a) op(b) [+ c], all row-major and contiguous: op(a) is (m, k), op(b) is
/// (k, n), and a transposed operand is stored the other way round. a and b have one type; c has it
/// too, or float32. Sums are float32.
struct Product {
  std::int64_t m, n, k;
  DType type, c_type;
  bool transpose_a = false, transpose_b = false;
  bool accumulate = false;
  Epilogue epilogue = Epilogue::none;

  auto operator<=>(const Product&) const = default;
};

struct Operands {
  const void *a, *b;
  void* vector;  // of the epilogue
  void* c;
};

/// An epilogue as a kernel of its own, put on the stream after the product.
using Apart = std::function<void()>;

class Matmul {
 public:
  virtual ~Matmul() = default;
  /// m, n and k are at least 1; no operand overlaps c or a vector that is written. `apart` does the
  /// epilogue where the library is not to do it within the product.
  virtual void run(const Product& p, const Operands& operands, const Apart& apart = {}) = 0;
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
