// TargetMoments: the running mean of the target encoder's features at each position and the running
// deviation of each feature around it, by which centred targets are scaled, and what a step adds to
// them, as plain sums of which those of micro-batches and ranks add up.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/nn/pass.hpp"

namespace ijepa {

/// Targets are (h + shift[position]) * factor, shift = -mean and factor = 1 / (deviation + 1e-4).
/// Before the first update the mean is 0 and the deviation 1.
class TargetMoments {
 public:
  TargetMoments(std::int64_t tokens, std::int64_t width);

  /// With b the mean of h at each position over the images of a step, s the updates before it and
  /// m = min(0.99, s / (s + 1)):
  ///   mean <- m mean + (1 - m) b,   variance <- m variance + (1 - m) E[(h - mean)^2]
  /// the latter over images and positions, around the new mean. `sums` is target_sums(), of all
  /// micro-batches and ranks, with shift() of before.
  void update(std::span<const double> sums);

  /// (N D), (D).
  std::vector<double> shift() const;
  std::vector<double> factor() const;

  /// All numbers: [updates | mean (N D) | variance (D)].
  std::span<const double> flat() const { return values_; }
  std::span<double> flat() { return values_; }

 private:
  std::span<const double> mean() const;
  std::span<const double> variance() const;

  std::size_t tokens_, width_;
  std::vector<double> values_;
};

/// [images | sum over images of z (N D) | sum over images and positions of z^2 (D)] of z = h +
/// shift; h (B N, D) floating, shift (N, D) statistics type. The arena is left as found. Waits for
/// the device.
std::vector<double> target_sums(Pass& p, Tensor features, Tensor shift);

}  // namespace ijepa
