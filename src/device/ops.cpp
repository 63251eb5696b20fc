// Default bodies of the fused operations, in terms of the others: a device overrides them only
// where that pays.
#include "ijepa/device/ops.hpp"

namespace ijepa {

void Ops::upload_input(const void* host, Tensor dst) {
  upload(host, dst);
}

void Ops::linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) {
  linear_forward(x, w, b, pre);
  gelu_forward(pre, y);
}

void Ops::linear_residual_forward(Tensor x, Tensor w, Tensor b, Tensor residual, Tensor branch,
                                  Tensor y) {
  linear_forward(x, w, b, branch);
  add(residual, branch, y);
}

void Ops::add_layer_norm_forward(const BranchSum& s, Tensor w, Tensor b, double epsilon, Tensor y,
                                 Tensor mean, Tensor rstd) {
  if (s.scale.empty()) {
    add(s.residual, s.branch, s.sum);
  } else {
    add_scaled_rows(s.residual, s.branch, s.scale, s.row_sequence, s.sum);
  }
  layer_norm_forward(s.sum, w, b, epsilon, y, mean, rstd);
}

void Ops::add_layer_norm_backward(Tensor dy, Tensor sum, Tensor w, Tensor mean, Tensor rstd,
                                  const BranchGradient& d, Tensor dw, Tensor db, Write mode) {
  layer_norm_backward(dy, sum, w, mean, rstd, d.dsum_accum, dw, db, mode);
  if (d.dbranch.empty()) return;
  if (d.scale.empty()) {
    copy(d.dsum_accum, d.dbranch);
  } else {
    add_scaled_rows({}, d.dsum_accum, d.scale, d.row_sequence, d.dbranch);
  }
}

}  // namespace ijepa
