// CountingOps: counts the floating-point operations and the bytes of every call, by class of
// operation, and forwards to another Ops (NullOps for a dry run). Shapes decide, so counts are
// exact for the step's own masks.
#pragma once
#include "ijepa/device/operation.hpp"

namespace ijepa {

struct OpCount {
  std::int64_t calls = 0;
  double flops = 0, bytes = 0;  // Operation::flops, Operand::bytes()

  OpCount& operator+=(const OpCount& other);
};

class CountingOps final : public Ops {
 public:
  explicit CountingOps(Ops& inner) : inner_(inner) {}

  const OpCount& count(OpClass c) const { return counts_[static_cast<std::size_t>(c)]; }
  OpCount total() const;
  void reset() { counts_ = {}; }

  void synchronize() override { inner_.synchronize(); }

 private:
  void perform(const Operation& operation) override;

  Ops& inner_;
  std::array<OpCount, op_classes.size()> counts_{};
};

}  // namespace ijepa
