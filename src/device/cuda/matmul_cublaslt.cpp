// Matmul by cuBLASLt. The library is column-major, so it is asked for the transposed product: its
// first operand is our b, its second our a, and a bias along its rows is one along our columns.
#include <array>
#include <bit>
#include <map>

#include "cublaslt_library.hpp"
#include "device_memory.hpp"
#include "ijepa/device/gpu_memory.hpp"
#include "matmul.hpp"

namespace ijepa::cuda {
namespace {

/// The largest power of two, up to 256, that divides the address: what a kernel may assume.
std::uint32_t alignment_of(const void* p) {
  const auto address = reinterpret_cast<std::uintptr_t>(p) | 256;
  return static_cast<std::uint32_t>(std::uintptr_t{1} << std::countr_zero(address));
}

cudaDataType_t type_of(DType type) {
  return type == DType::bf16 ? CUDA_R_16BF : CUDA_R_32F;
}

/// A product and what its operands are aligned to.
struct Key {
  Product product;
  std::array<std::uint32_t, 3> alignment;  // of a, b, c
  auto operator<=>(const Key&) const = default;
};

class CublasLtMatmul final : public Matmul {
 public:
  explicit CublasLtMatmul(cudaStream_t stream)
      : lt_(open_cublaslt()), stream_(stream), workspace_(gpu_memory.products) {
    expect(lt_.create(&handle_), "opening the library");
  }
  ~CublasLtMatmul() override {
    for (const auto& [key, plan] : plans_) {
      lt_.desc_destroy(plan.operation);
      for (auto* layout : {plan.a, plan.b, plan.c}) lt_.layout_destroy(layout);
    }
    lt_.destroy(handle_);
  }

  void run(const Product& p, const void* a, const void* b, const void* bias, void* c) override {
    const Key key{p, {alignment_of(a), alignment_of(b), alignment_of(c)}};
    auto found = plans_.find(key);
    if (found == plans_.end()) found = plans_.emplace(key, make_plan(key, bias)).first;
    const Plan& plan = found->second;
    if (p.bias) set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    const float one = 1, beta = p.accumulate ? 1 : 0;
    expect(lt_.matmul(handle_, plan.operation, &one, b, plan.b, a, plan.a, &beta, c, plan.c, c,
                      plan.c, &plan.algorithm, workspace_.data, gpu_memory.products, stream_),
           "a matrix product");
  }

 private:
  struct Plan {
    cublasLtMatmulDesc_t operation = nullptr;
    cublasLtMatrixLayout_t a = nullptr, b = nullptr, c = nullptr;
    cublasLtMatmulAlgo_t algorithm{};
  };

  void expect(cublasStatus_t status, const char* what) const {
    check(status == CUBLAS_STATUS_SUCCESS, "cuBLASLt failed at {}: {}.", what,
          lt_.status_string(status));
  }

  template <class T>
  void set(cublasLtMatmulDesc_t operation, cublasLtMatmulDescAttributes_t attribute,
           const T& value) const {
    expect(lt_.desc_set(operation, attribute, &value, sizeof value), "describing a product");
  }

  /// A row-major (rows, cols) matrix: column-major (cols, rows).
  cublasLtMatrixLayout_t layout(DType type, std::int64_t rows, std::int64_t cols) const {
    cublasLtMatrixLayout_t made = nullptr;
    expect(lt_.layout_create(&made, type_of(type), static_cast<std::uint64_t>(cols),
                             static_cast<std::uint64_t>(rows), cols),
           "describing a matrix");
    return made;
  }

  Plan make_plan(const Key& key, const void* bias) const {
    const Product& p = key.product;
    Plan plan;
    expect(lt_.desc_create(&plan.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F),
           "describing a product");
    set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSA, p.transpose_b ? CUBLAS_OP_T : CUBLAS_OP_N);
    set(plan.operation, CUBLASLT_MATMUL_DESC_TRANSB, p.transpose_a ? CUBLAS_OP_T : CUBLAS_OP_N);
    if (p.bias) {
      set(plan.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, CUBLASLT_EPILOGUE_BIAS);
      set(plan.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias);
    }
    plan.a = p.transpose_a ? layout(p.type, p.k, p.m) : layout(p.type, p.m, p.k);
    plan.b = p.transpose_b ? layout(p.type, p.n, p.k) : layout(p.type, p.k, p.n);
    plan.c = layout(p.c_type, p.m, p.n);
    plan.algorithm = choose(key, plan);
    return plan;
  }

  /// The library's first choice among algorithms that give the same bits every time.
  cublasLtMatmulAlgo_t choose(const Key& key, const Plan& plan) const {
    cublasLtMatmulPreference_t preference = nullptr;
    expect(lt_.preference_create(&preference), "choosing an algorithm");
    const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
      expect(lt_.preference_set(preference, attribute, &value, sizeof value),
             "choosing an algorithm");
    };
    prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, std::uint64_t{gpu_memory.products});
    prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK,
           std::uint32_t{CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE});
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, key.alignment[1]);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, key.alignment[0]);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, key.alignment[2]);
    prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, key.alignment[2]);
    cublasLtMatmulHeuristicResult_t result{};
    int found = 0;
    const auto status = lt_.get_heuristic(handle_, plan.operation, plan.b, plan.a, plan.c, plan.c,
                                          preference, 1, &result, &found);
    lt_.preference_destroy(preference);
    expect(status, "choosing an algorithm");
    const Product& p = key.product;
    check(found > 0, "cuBLASLt has no algorithm for a {} product of ({}, {}) and ({}, {}).",
          name_of(p.type), p.m, p.k, p.k, p.n);
    return result.algo;
  }

  CublasLt lt_;
  cudaStream_t stream_;
  DeviceMemory workspace_;  // one for the one stream
  cublasLtHandle_t handle_ = nullptr;
  std::map<Key, Plan> plans_;
};

}  // namespace

std::unique_ptr<Matmul> make_matmul(cudaStream_t stream) {
  return std::make_unique<CublasLtMatmul>(stream);
}

}  // namespace ijepa::cuda
