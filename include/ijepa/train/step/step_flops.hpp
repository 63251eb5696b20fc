// StepFlops: the arithmetic of micro-batches by the lengths of their masks. Each set of lengths is
// gone through once, on no device (dry_step()).
#pragma once
#include <cstdint>
#include <map>
#include <vector>

#include "ijepa/model/ijepa.hpp"

namespace ijepa {

class StepFlops {
 public:
  StepFlops(const IJepa& model, Precision precision) : model_(model), precision_(precision) {}

  /// Floating-point operations of matrix products and attention, without recomputation.
  double of(const TokenPlan& plan);

 private:
  const IJepa& model_;
  Precision precision_;
  std::map<std::vector<std::int64_t>, double> known_;
};

}  // namespace ijepa
