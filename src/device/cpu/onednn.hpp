// OneDnn: matrix products by oneDNN, where this processor has the instructions that make it the
// faster choice. b is packed once a product; each thread multiplies its own blocks of rows of c, so
// that sums are made in the same order whatever the number of threads.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "kernels.hpp"
#include "scratch.hpp"

namespace ijepa::cpu {

class OneDnn {
 public:
  /// `row_kernels` apply the activations.
  OneDnn(int threads, const Kernels& row_kernels);
  ~OneDnn();

  /// float32 needs AVX-512, bfloat16 AVX512_BF16 or AMX: without them oneDNN has no product that
  /// takes packed weights. Never float64.
  static bool handles(DType type);

  /// "oneDNN 2.6.3 (avx512_core_bf16)": its version and the instructions that it takes, which the
  /// processor and variables of its own (ONEDNN_MAX_CPU_ISA, ONEDNN_CPU_ISA_HINTS) decide.
  static std::string describe();

  /// c and extra have the product's type, or float32.
  void multiply(const Product& p);

 private:
  struct Shape;
  struct Primitive;
  const Primitive& primitive(const Shape& shape);
  Product with_padded_depth(const Product& p);
  void pack(const Product& p, const Primitive& user);
  void multiply_rows(const Product& p, Range rows, Scratch& scratch);

  int threads_;
  const Kernels& row_kernels_;
  std::mutex mutex_;  // of primitives_
  std::map<Shape, std::unique_ptr<Primitive>> primitives_;
  Scratch packed_, padded_a_, padded_b_;
  std::vector<Scratch> own_;  // of each thread
};

}  // namespace ijepa::cpu
