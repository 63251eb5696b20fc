// ParamStore: the flat buffers behind a ParamLayout on one device: weights, gradients, AdamW
// moments, EMA target weights and the compute-type copies, all with the layout's offsets.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/device/device.hpp"
#include "ijepa/nn/pass.hpp"

namespace ijepa {

enum class StoreUse : std::uint8_t { training, inference };

/// Whether an encoder has its EMA target beside it.
enum class EmaTarget : std::uint8_t { kept, none };

/// The flat state of a training run that a checkpoint holds, one buffer a role.
enum class Role : std::uint8_t { weight, target, adam_m, adam_v };

class ParamStore {
 public:
  /// Inference has no gradients and no moments. The target holds the group "encoder" alone, which
  /// must come first in the layout; without that group there is no target.
  ParamStore(Device& device, const ParamLayout& layout, Precision precision, StoreUse use,
             EmaTarget target = EmaTarget::kept);

  /// Bytes by class, without allocating: what the constructor will take.
  struct Bytes {
    std::size_t weights = 0, gradients = 0, optimizer = 0, target = 0, constants = 0;
    std::size_t total() const { return weights + gradients + optimizer + target + constants; }
  };
  static Bytes bytes(const ParamLayout& layout, Precision precision, StoreUse use);

  /// Fresh weights from the seed; the target starts as a copy, the moments as zero.
  void initialise(std::uint64_t seed);
  /// Writes the compute-type copies of weights and target after they were set from outside.
  void refresh_working_copies();

  Weights online() const {
    return {weight_.data(), working(weight_, weight_copy_), constants_.data()};
  }
  Weights target() const {
    return {target_.data(), working(target_, target_copy_), constants_.data()};
  }
  void* gradients() const { return gradient_.data(); }

  const ParamLayout& layout() const { return layout_; }
  Precision precision() const { return precision_; }

  /// A range of a flat state buffer, parameter type.
  Tensor flat(Role role, ParamRange range) const;
  Tensor gradient(ParamRange range) const;
  /// One parameter's values of a role, parameter type.
  Tensor values(Role role, const ParamInfo& info) const;
  /// "encoder.blocks.0.attn.qkv": the layer whose weight, EMA weight ("target_encoder. ..."), copy
  /// of one or gradient this tensor is, or a part of; empty: none's, or more than one's.
  std::string layer_of(const Tensor& t) const;
  /// What has a target, and then what has none, as far as there is any.
  std::vector<ParamRange> parts() const;
  /// The optimizer's view of a range (Ops::adamw_ema), which lies in one of parts().
  OptimizerRange optimizer_range(ParamRange range) const;

 private:
  void* working(const Buffer& master, const Buffer& copy) const {
    return precision_.has_working_copy() ? copy.data() : master.data();
  }
  void zero_padding(const Buffer& buffer, ParamRange range);
  const Buffer& buffer(Role role) const;
  Tensor view(const Buffer& buffer, DType type, ParamRange range) const;

  Device& device_;
  const ParamLayout& layout_;
  Precision precision_;
  ParamRange all_, averaged_;  // averaged: what has a target
  Buffer weight_, gradient_, m_, v_, target_, weight_copy_, target_copy_, constants_, decay_;
};

}  // namespace ijepa
