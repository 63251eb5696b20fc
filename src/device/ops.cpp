// Default bodies of the fused operations, in terms of the others: a device overrides them only
// where fusing pays.
#include "ijepa/device/ops.hpp"

namespace ijepa {

void Ops::linear_gelu_forward(Tensor x, Tensor w, Tensor b, Tensor pre, Tensor y) {
  linear_forward(x, w, b, pre);
  gelu_forward(pre, y);
}

void Ops::linear_residual_forward(Tensor x, Tensor w, Tensor b, Tensor residual, Tensor branch,
                                  Tensor y) {
  linear_forward(x, w, b, branch);
  add(residual, branch, y);
}

}  // namespace ijepa
