#include "cublaslt_product.hpp"

#include "ijepa/core/error.hpp"
#include "ijepa/device/gpu_memory.hpp"

namespace ijepa::cuda {
namespace {

cudaDataType_t type_of(DType type) {
  return type == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// The order of sums is fixed where parts of a sum meet in the type that sums have, or not at all.
constexpr std::uint32_t fixed_order = CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE;

}  // namespace

CublasLtProduct::CublasLtProduct(const CublasLt& lt, const ProductQueue& queue, const Product& p,
                                 const Alignment& alignment)
    : lt_(lt), queue_(queue), product_(p), alignment_(alignment) {
  lt_.expect(lt_.desc_create(&operation_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "describing a product");
  set(CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
  if (p.epilogue == Epilogue::bias) set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
  if (p.epilogue == Epilogue::sums) set(CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BGRADB);
  a_ = p.transpose_a ? layout(p.type, p.k, p.m) : layout(p.type, p.m, p.k);
  b_ = p.transpose_b ? layout(p.type, p.n, p.k) : layout(p.type, p.k, p.n);
  c_ = layout(p.c_type, p.m, p.n);
}

CublasLtProduct::~CublasLtProduct() {
  lt_.desc_destroy(operation_);
  for (auto* layout : {a_, b_, c_}) lt_.layout_destroy(layout);
}

template <class T>
void CublasLtProduct::set(cublasLtMatmulDescAttributes_t attribute, const T& value) const {
  lt_.expect(lt_.desc_set(operation_, attribute, &value, sizeof value), "describing a product");
}

/// A row-major (rows, cols) matrix: column-major (cols, rows).
cublasLtMatrixLayout_t CublasLtProduct::layout(DType type, std::int64_t rows,
                                               std::int64_t cols) const {
  cublasLtMatrixLayout_t made = nullptr;
  lt_.expect(lt_.layout_create(&made, type_of(type), static_cast<std::uint64_t>(cols),
                               static_cast<std::uint64_t>(rows), cols),
             "describing a matrix");
  return made;
}

std::vector<cublasLtMatmulAlgo_t> CublasLtProduct::suggestions(int most) const {
  cublasLtMatmulPreference_t preference = nullptr;
  lt_.expect(lt_.preference_create(&preference), "choosing an algorithm");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    lt_.expect(lt_.preference_set(preference, attribute, &value, sizeof value),
               "choosing an algorithm");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{gpu_memory.products});
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, fixed_order);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, alignment_[1]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, alignment_[0]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, alignment_[2]);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, alignment_[2]);
  std::vector<cublasLtMatmulHeuristicResult_t> results(static_cast<std::size_t>(most));
  int found = 0;
  const auto status = lt_.get_heuristic(queue_.handle, operation_, b_, a_, c_, c_, preference, most,
                                        results.data(), &found);
  lt_.preference_destroy(preference);
  if (status == CUBLAS_STATUS_NOT_SUPPORTED) return {};
  lt_.expect(status, "choosing an algorithm");
  results.resize(static_cast<std::size_t>(found));
  std::vector<cublasLtMatmulAlgo_t> algorithms;
  for (const auto& result : results)
    if (result.state == CUBLAS_STATUS_SUCCESS) algorithms.push_back(result.algo);
  return algorithms;
}

bool CublasLtProduct::takes(const cublasLtMatmulAlgo_t& algorithm) const {
  cublasLtMatmulHeuristicResult_t result{};
  if (lt_.algorithm_check(queue_.handle, operation_, b_, a_, c_, c_, &algorithm, &result) !=
          CUBLAS_STATUS_SUCCESS ||
      result.workspaceSize > gpu_memory.products)
    return false;
  std::uint32_t scheme = 0;
  std::size_t written = 0;
  lt_.expect(lt_.algorithm_get(&algorithm, CUBLASLT_ALGO_CONFIG_REDUCTION_SCHEME, &scheme,
                               sizeof scheme, &written),
             "asking for an algorithm's order of sums");
  return (scheme & ~fixed_order) == 0;
}

cublasStatus_t CublasLtProduct::run(const cublasLtMatmulAlgo_t& algorithm,
                                    const Operands& operands) const {
  if (product_.epilogue != Epilogue::none) set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, operands.vector);
  const float one = 1, beta = product_.accumulate ? 1 : 0;
  return lt_.matmul(queue_.handle, operation_, &one, operands.b, b_, operands.a, a_, &beta,
                    operands.c, c_, operands.c, c_, &algorithm, queue_.workspace,
                    gpu_memory.products, queue_.stream);
}

}  // namespace ijepa::cuda
