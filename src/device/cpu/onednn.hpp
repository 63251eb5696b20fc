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

  /// False in a build without the library, where handles() is never true.
  static bool is_built_in();

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
  /// What a thread needs for its rows.
  struct Own {
    Scratch space, packed;
  };
  void* pack(const Product& p, const Primitive& user, Scratch& to);
  std::int64_t largest_step(const Product& p);
  void multiply_rows(const Product& p, std::int64_t step, Range rows, Own& own);

  int threads_;
  const Kernels& row_kernels_;
  std::mutex mutex_;  // of primitives_
  std::map<Shape, std::unique_ptr<Primitive>> primitives_;
  Scratch packed_, padded_a_, padded_b_;
  std::vector<Own> own_;  // of each thread
};

}  // namespace ijepa::cpu
