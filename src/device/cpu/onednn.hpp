// OneDnn: matrix products by oneDNN, where it is faster than the own kernels. b is packed once a
// product; each thread multiplies its own blocks of rows of c, so that sums are made in the same
// order whatever the number of threads.
#pragma once
#include <memory>
#include <string>

#include "kernels.hpp"

namespace ijepa::cpu {

class OneDnn {
 public:
  /// `row_kernels` apply the activations.
  OneDnn(int threads, const Kernels& row_kernels);
  ~OneDnn();

  /// False in a build without the library, where is_faster() is never true.
  static bool is_built_in();

  /// Whether a product is the library's. It depends on the layer alone, not on the number of rows:
  /// in bfloat16 always; in float32 where weights do not stay in the second-level cache, and where
  /// a weight gradient reads wide rows of x. float32 needs AVX-512, bfloat16 AVX512_BF16 or AMX:
  /// without them oneDNN has no product that takes packed weights. Never float64.
  bool is_faster(const Product& p) const;

  /// "oneDNN 2.6.3 (avx512_core_bf16)": its version and the instructions that it takes, which the
  /// processor and variables of its own (ONEDNN_MAX_CPU_ISA, ONEDNN_CPU_ISA_HINTS) decide.
  static std::string describe();

  /// c and extra have the product's type, or float32.
  void multiply(const Product& p);

 private:
  class Products;
  std::unique_ptr<Products> products_;
};

}  // namespace ijepa::cpu
