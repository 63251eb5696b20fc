// Matmul by cuBLASLt: a plan for each product, made when it is first met: the library's first
// suggestion, or the algorithm and the place of the epilogue that were found by measurement.
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

  void run(const Product& p, const Operands& operands, const Apart& apart) override {
    const Key key{p,
                  {alignment_of(operands.a), alignment_of(operands.b), alignment_of(operands.c)}};
    const auto found = plans_.find(key);
    const Plan& plan = found != plans_.end() ? found->second : make_plan(key, operands, apart);
    lt_.expect(plan.product->run(plan.algorithm, operands), "a matrix product");
    if (plan.apart) apart();
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
    bool apart = false;
  };
  /// What a measurement compares: `algorithm` of `product`, with a kernel for the epilogue or not.
  struct Candidate {
    const CublasLtProduct* product;
    cublasLtMatmulAlgo_t algorithm;
    bool apart;
  };

  /// Without measurement a bias is added by the product, and sums are our own kernel's.
  static bool usually_apart(const Product& p) { return p.epilogue == Epilogue::sums; }

  std::unique_ptr<CublasLtProduct> describe(const Key& key, bool apart) const {
    Product p = key.product;
    if (apart) p.epilogue = Epilogue::none;
    return std::make_unique<CublasLtProduct>(lt_, queue_, p, key.alignment);
  }

  const Plan& make_plan(const Key& key, const Operands& operands, const Apart& apart) {
    Plan plan;
    if (choices_) plan = chosen(key, settled(key, operands, apart));
    if (plan.product == nullptr) plan = suggested(key);
    return plans_.emplace(key, std::move(plan)).first->second;
  }

  Plan suggested(const Key& key) const {
    const Product& p = key.product;
    for (const bool apart : {usually_apart(p), p.epilogue != Epilogue::none}) {
      auto product = describe(key, apart);
      const auto algorithms = product->suggestions(1);
      if (!algorithms.empty()) return {std::move(product), algorithms.front(), apart};
    }
    fail("cuBLASLt has no algorithm for a {} product of ({}, {}) and ({}, {}).", name_of(p.type),
         p.m, p.k, p.k, p.n);
  }

  /// No product where the library refuses the choice: an algorithm that was found for other rows of
  /// the same grid may not take these.
  Plan chosen(const Key& key, const ProductChoice& choice) const {
    auto product = describe(key, choice.apart);
    const auto algorithm = algorithm_of(choice);
    if (!product->takes(algorithm)) return {};
    return {std::move(product), algorithm, choice.apart};
  }

  /// What the file says, measured first if it says nothing.
  const ProductChoice& settled(const Key& key, const Operands& operands, const Apart& apart) {
    const std::string name = choice_name(key.product, key.alignment);
    const ProductChoice* known = choices_->find(name);
    return known != nullptr ? *known : choices_->settle(name, measure(key, operands, apart));
  }

  /// Times the library's suggestions on the operands themselves. What is added to c must be added
  /// once, so such products are timed on other memory of c's size; where that is not free, the
  /// first suggestion is the choice.
  ProductChoice measure(const Key& key, const Operands& operands, const Apart& apart) const {
    const Product& p = key.product;
    const Plan first = suggested(key);
    const auto other = p.epilogue == Epilogue::none ? nullptr : describe(key, !first.apart);
    const ProductChoice unmeasured{std::bit_cast<AlgorithmData>(first.algorithm), first.apart, {}};
    Operands timed = operands;
    std::optional<DeviceMemory> sum;
    if (p.accumulate) {
      const auto bytes = static_cast<std::size_t>(p.m * p.n) * size_of(p.c_type);
      if (free_on_gpu().free < 2 * bytes) return unmeasured;
      sum.emplace(bytes);
      check_cuda(cudaMemsetAsync(sum->data, 0, bytes, queue_.stream), "filling with zeros");
      timed.c = sum->data;
    }
    const auto put = [&](const Candidate& c) {
      const auto status = c.product->run(c.algorithm, timed);
      if (status == CUBLAS_STATUS_SUCCESS && c.apart) apart();
      return status;
    };
    auto candidates = candidates_of(*first.product, first.apart);
    if (other != nullptr)
      for (const auto& c : candidates_of(*other, !first.apart)) candidates.push_back(c);
    std::erase_if(candidates, [&](const auto& c) { return put(c) != CUBLAS_STATUS_SUCCESS; });
    if (candidates.empty()) return unmeasured;
    const auto times = candidates.size() == 1
                           ? std::vector<double>{}
                           : least_times(queue_.stream, candidates.size(), [&](std::size_t i) {
                               lt_.expect(put(candidates[i]), "a matrix product");
                             });
    const Candidate& best = candidates[times.empty() ? 0 : fastest(times)];
    return {std::bit_cast<AlgorithmData>(best.algorithm), best.apart, times};
  }

  static std::vector<Candidate> candidates_of(const CublasLtProduct& product, bool apart) {
    constexpr int most_candidates = 16;
    std::vector<Candidate> candidates;
    for (const auto& algorithm : product.suggestions(most_candidates))
      candidates.push_back({&product, algorithm, apart});
    return candidates;
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
