// CheckedOps: forwards every call to another Ops, then looks for NaN and infinity in what it wrote.
// A step that went wrong is repeated on it, to name the first operation at fault.
#pragma once
#include <atomic>
#include <functional>
#include <string>

#include "ijepa/device/operation.hpp"

namespace ijepa {

/// The first value that is not finite.
class NotFinite : public Error {
 public:
  using Error::Error;
};

/// Every call throws a NotFinite naming the operation, the layer, the tensor and the first bad
/// element. Slow: each operand is copied to the host. Inputs that are bad already are named as
/// such.
class CheckedOps final : public Ops {
 public:
  /// The layer whose parameter or gradient a tensor is; "": none's.
  using LayerOf = std::function<std::string(const Tensor&)>;

  explicit CheckedOps(Ops& inner, LayerOf layer_of = {})
      : inner_(inner), layer_of_(std::move(layer_of)) {}

  /// What comes now is behind no layer of what was before.
  void leave_layers() { layer_.clear(), place_.clear(); }
  /// Begun so far; for any thread.
  std::int64_t operations() const { return operations_.load(std::memory_order_relaxed); }

  void synchronize() override { inner_.synchronize(); }

 private:
  void perform(const Operation& operation) override;
  void expect_finite(const Operation& operation, const char* role, const Operand& operand);
  void note_layer(const Operation& operation);

  Ops& inner_;
  LayerOf layer_of_;
  std::string place_;  // " at LAYER", " behind LAYER": of the operation, for messages
  std::string layer_;  // the last one met
  std::atomic<std::int64_t> operations_{0};
};

}  // namespace ijepa
