// RunningTargets: the moments of target features that centred targets are scaled by, on a device,
// followed from step to step over all ranks and kept in checkpoints.
#pragma once
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/device/device.hpp"
#include "ijepa/model/ijepa.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"

namespace ijepa {

/// The checkpoint group of the moments: "updates", "mean" (N, D) and "variance" (D).
inline constexpr const char* target_moments_group = "target_moments";

class RunningTargets {
 public:
  /// As before the first step. `type`: that of parameters.
  RunningTargets(Device& device, const EncoderConfig& encoder, DType type);

  /// Bytes on the device, without allocating.
  static std::size_t bytes(const EncoderConfig& encoder, DType type);

  const TargetScale& scale() const { return scale_; }
  /// Adds target_sums() of a micro-batch to those of the step.
  void add(const std::vector<double>& sums);
  /// Makes the step's sums those of all ranks, in their order. Collective.
  void sum_over_ranks(Communicator& comm);
  /// Moves the moments on by the step's sums, and forgets these.
  void update();
  /// Forgets the step's sums: the step is skipped.
  void forget() { sums_.clear(); }

  /// The moments in the device's memory, for checkpoints; after they were set from outside,
  /// refresh.
  std::vector<NamedTensor> tensors() const;
  void refresh();

 private:
  TargetMoments download() const;

  Device& device_;
  std::int64_t tokens_, width_;
  DType type_;
  Buffer moments_, scale_memory_;
  Tensor flat_;  // [updates | mean | variance]
  TargetScale scale_;
  std::vector<double> sums_;
};

}  // namespace ijepa
