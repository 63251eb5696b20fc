// Soft cross-entropy: of logits against distributions over classes, as label smoothing and mixed
// images give them; value and gradient in one pass on the host.
#pragma once
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// Logits z (B, C) become their gradient: p = softmax(z), loss_i = -sum_c t_ic log p_ic, and
/// d (scale sum_i loss_i) / d z = scale (p - t), for targets t (B, C) whose rows sum to 1. Returns
/// the losses (B), without scale.
std::vector<double> soft_cross_entropy(MatrixView<double> logits_inout,
                                       MatrixView<const double> targets, double scale);

/// In place.
void softmax_rows(MatrixView<double> logits_inout);

}  // namespace ijepa
