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

void Ops::linear_backward_input_gelu(Tensor dy, Tensor w, Tensor pre, Tensor dx, Tensor y) {
  linear_backward_input(dy, w, dx);
  gelu_backward(pre, dx);
  gelu_forward(pre, y);
}

}  // namespace ijepa
