// CublasLtProduct: one product as cuBLASLt knows it, and the algorithms that compute it. The
// library is column-major, so it is asked for the transposed product: its first operand is our b,
// its second our a, and a bias along its rows is one along our columns.
#pragma once
#include <vector>

#include "cublaslt_library.hpp"
#include "matmul.hpp"
#include "product_choices.hpp"

namespace ijepa::cuda {

/// Memory of gpu_memory.products bytes that products of one stream use in turn.
struct ProductQueue {
  cublasLtHandle_t handle;
  cudaStream_t stream;
  void* workspace;
};

class CublasLtProduct {
 public:
  /// Addresses that run() is given are aligned so. `lt` and `queue` outlive the product.
  CublasLtProduct(const CublasLt& lt, const ProductQueue& queue, const Product& p,
                  const Alignment& alignment);
  ~CublasLtProduct();
  CublasLtProduct(const CublasLtProduct&) = delete;
  CublasLtProduct& operator=(const CublasLtProduct&) = delete;

  /// At most `most` algorithms, the library's first choice first, that give the same bits every
  /// time and fit the workspace. It may have none.
  std::vector<cublasLtMatmulAlgo_t> suggestions(int most) const;
  /// Whether the library computes the product by this algorithm, within the same two limits.
  bool takes(const cublasLtMatmulAlgo_t& algorithm) const;
  /// Puts the product on the stream.
  cublasStatus_t run(const cublasLtMatmulAlgo_t& algorithm, const Operands& operands) const;

 private:
  template <class T>
  void set(cublasLtMatmulDescAttributes_t attribute, const T& value) const;
  cublasLtMatrixLayout_t layout(DType type, std::int64_t rows, std::int64_t cols) const;

  const CublasLt& lt_;
  const ProductQueue& queue_;
  Product product_;
  Alignment alignment_;
  cublasLtMatmulDesc_t operation_ = nullptr;
  cublasLtMatrixLayout_t a_ = nullptr, b_ = nullptr, c_ = nullptr;
};

}  // namespace ijepa::cuda
