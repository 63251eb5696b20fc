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
#include "onednn_plan.hpp"
#include "scratch.hpp"

namespace ijepa::cpu {

class OneDnn {
 public:
  /// `row_kernels` apply the activations.
  OneDnn(int threads, const Kernels& row_kernels);
  ~OneDnn();

  /// float32 needs AVX-512, bfloat16 AVX512_BF16 or AMX: without them oneDNN has no product that
  /// takes packed weights. Never float64.
  bool handles(DType type) const;

  /// "oneDNN 2.6.3 (avx512_core_bf16)": its version and the instructions that it takes, which the
  /// processor and variables of its own (ONEDNN_MAX_CPU_ISA, ONEDNN_CPU_ISA_HINTS) decide.
  static std::string describe();

  /// c and extra have the product's type, or float32.
  void multiply(const Product& p);

 private:
  /// Plans of one kind by their number of rows, made when they are first needed.
  class Plans {
   public:
    Plans(const OneDnnKind& kind, int threads) : kind_(kind), threads_(threads) {}
    OneDnnPlan& of(std::int64_t rows);

   private:
    OneDnnKind kind_;
    int threads_;
    std::mutex mutex_;
    std::map<std::int64_t, std::unique_ptr<OneDnnPlan>> by_rows_;
  };
  /// What a thread needs for its rows.
  struct Own {
    Scratch space, packed;
  };

  Plans& plans_of(const Product& p);
  Product with_padded_depth(const Product& p);
  static std::int64_t largest_step(const Product& p, Plans& plans);
  void multiply_rows(const Product& p, Plans& plans, std::int64_t step, Range rows,
                     std::int64_t thread);
  void finish(const Product& p, Range rows) const;

  bool float32_, bfloat16_;
  int threads_;
  const Kernels& row_kernels_;
  std::map<OneDnnKind, Plans> plans_;
  Scratch packed_, padded_a_, padded_b_;
  std::vector<Own> own_;  // of each thread
};

}  // namespace ijepa::cpu
