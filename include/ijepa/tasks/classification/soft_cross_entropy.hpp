// Soft cross-entropy: of logits against distributions over classes, as label smoothing and mixed
// images give them; value and gradient in one pass on the host. And what answers add up to, over
// batches and ranks.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// Logits z (B, C) become their gradient: p = softmax(z), loss_i = -sum_c t_ic log p_ic, and
/// d (scale sum_i loss_i) / d z = scale (p - t), for targets t (B, C) whose rows sum to 1. Returns
/// the losses (B), without scale.
std::vector<double> soft_cross_entropy(MatrixView<double> logits_inout,
                                       MatrixView<const double> targets, double scale);

/// In place.
void softmax_rows(MatrixView<double> logits_inout);

/// Sums over images.
struct ClassifySums {
  double loss = 0, top1 = 0, top5 = 0, images = 0;

  /// Adds images with their logits (n, C); `losses` (n) are theirs.
  void add(MatrixView<const double> logits, std::span<const std::int32_t> labels,
           std::span<const double> losses);
  void add(const ClassifySums& other);
  /// Becomes the sum over ranks. Collective.
  void reduce(Communicator& comm);
};

}  // namespace ijepa
