// Matmul by cuBLASLt: a plan for each product, made when it is first met, with the library's first
// suggestion or an algorithm found by measurement.
#include <bit>
#include <map>
#include <optional>

#include "cublaslt_product.hpp"
#include "device_memory.hpp"
#include "ijepa/device/gpu_memory.hpp"
#include "timing.hpp"

namespace ijepa::cuda {
namespace {

/// The largest power of two, up to 256, that divides the address: what a kernel may assume.
std::uint32_t alignment_of(const void* p) {
  const auto address = reinterpret_cast<std::uintptr_t>(p) | 256;
  return static_cast<std::uint32_t>(std::uintptr_t{1} << std::countr_zero(address));
}

cublasLtMatmulAlgo_t algorithm_of(const ProductChoice& choice) {
  return std::bit_cast<cublasLtMatmulAlgo_t>(choice.algorithm);
}

class CublasLtMatmul final : public Matmul {
 public:
  CublasLtMatmul(cudaStream_t stream, const Measuring& measuring)
      : lt_(open_cublaslt()), workspace_(gpu_memory.products) {
    queue_ = {nullptr, stream, workspace_.data};
    lt_.expect(lt_.create(&queue_.handle), "opening the library");
    if (!measuring.file.empty())
      choices_.emplace(measuring.file, fmt::format("{}, cuBLASLt {}", measuring.gpu, lt_.version()),
                       measuring.log);
  }
  ~CublasLtMatmul() override {
    plans_.clear();
    lt_.destroy(queue_.handle);
  }
  CublasLtMatmul(const CublasLtMatmul&) = delete;
  CublasLtMatmul& operator=(const CublasLtMatmul&) = delete;

  void run(const Product& p, const void* a, const void* b, const void* bias, void* c) override {
    const Key key{p, {alignment_of(a), alignment_of(b), alignment_of(c)}};
    const Operands operands{a, b, bias, c};
    const auto found = plans_.find(key);
    const Plan& plan = found != plans_.end() ? found->second : make_plan(key, operands);
    lt_.expect(plan.product->run(plan.algorithm, operands), "a matrix product");
  }

 private:
  /// A product and what its operands are aligned to.
  struct Key {
    Product product;
    Alignment alignment;
    auto operator<=>(const Key&) const = default;
  };
  struct Plan {
    std::unique_ptr<CublasLtProduct> product;
    cublasLtMatmulAlgo_t algorithm{};
  };

  const Plan& make_plan(const Key& key, const Operands& operands) {
    Plan plan{std::make_unique<CublasLtProduct>(lt_, queue_, key.product, key.alignment), {}};
    plan.algorithm = choose(key, *plan.product, operands);
    return plans_.emplace(key, std::move(plan)).first->second;
  }

  /// What the file says, measured first if it says nothing. An algorithm that was found for other
  /// rows of the same grid may not take these; then the library's first suggestion does.
  cublasLtMatmulAlgo_t choose(const Key& key, const CublasLtProduct& product,
                              const Operands& operands) {
    if (!choices_) return product.suggestions(1).front();
    const std::string name = choice_name(key.product, key.alignment);
    const ProductChoice* known = choices_->find(name);
    if (known == nullptr) known = &choices_->settle(name, measure(key.product, product, operands));
    const auto algorithm = algorithm_of(*known);
    return product.takes(algorithm) ? algorithm : product.suggestions(1).front();
  }

  /// Times the library's suggestions on the operands themselves. What is added to c must be added
  /// once, so such products are timed on other memory of c's size; where that is not free, the
  /// first suggestion is the choice.
  ProductChoice measure(const Product& p, const CublasLtProduct& product,
                        const Operands& operands) const {
    constexpr int most_candidates = 16;
    auto candidates = product.suggestions(most_candidates);
    const ProductChoice first{std::bit_cast<AlgorithmData>(candidates.front()), {}};
    Operands timed = operands;
    std::optional<DeviceMemory> sum;
    if (p.accumulate) {
      const auto bytes = static_cast<std::size_t>(p.m * p.n) * size_of(p.c_type);
      if (free_on_gpu().free < 2 * bytes) return first;
      sum.emplace(bytes);
      check_cuda(cudaMemsetAsync(sum->data, 0, bytes, queue_.stream), "filling with zeros");
      timed.c = sum->data;
    }
    std::erase_if(candidates, [&](const auto& algorithm) {
      return product.run(algorithm, timed) != CUBLAS_STATUS_SUCCESS;
    });
    if (candidates.empty()) return first;
    if (candidates.size() == 1) return {std::bit_cast<AlgorithmData>(candidates.front()), {}};
    const auto times = least_times(queue_.stream, candidates.size(), [&](std::size_t i) {
      lt_.expect(product.run(candidates[i], timed), "a matrix product");
    });
    return {std::bit_cast<AlgorithmData>(candidates[fastest(times)]), times};
  }

  CublasLt lt_;
  DeviceMemory workspace_;  // one for the one stream
  ProductQueue queue_{};
  std::optional<ProductChoices> choices_;
  std::map<Key, Plan> plans_;
};

}  // namespace

std::unique_ptr<Matmul> make_matmul(cudaStream_t stream, const Measuring& measuring) {
  return std::make_unique<CublasLtMatmul>(stream, measuring);
}

}  // namespace ijepa::cuda
