#include "ijepa/device/counting_ops.hpp"

namespace ijepa {

OpCount& OpCount::operator+=(const OpCount& other) {
  calls += other.calls;
  flops += other.flops;
  bytes += other.bytes;
  return *this;
}

OpCount CountingOps::total() const {
  OpCount sum;
  for (const auto& c : counts_) sum += c;
  return sum;
}

void CountingOps::perform(const Operation& operation) {
  OpCount one{1, operation.flops, 0};
  for (const Operand& operand : operation.operands) one.bytes += operand.bytes();
  counts_[static_cast<std::size_t>(operation.kind)] += one;
  operation.run_on(inner_);
}

}  // namespace ijepa
