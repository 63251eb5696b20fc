// The graphs of attention for cuDNN: softmax(scale q k^T) v and its gradients on packed rows, q, k
// and v and their gradients in place.
#pragma once
#include "attention_library.hpp"
#include "cudnn_graph.hpp"

namespace ijepa::cuda {

/// Numbers of the operands. `delta` (sequence, head, row) float32 is scratch of backward.
enum AttentionOperand : std::int64_t {
  operand_q = 1,
  operand_k,
  operand_v,
  operand_out,
  operand_lse,
  operand_scale,
  operand_one,
  operand_dout,
  operand_dq,
  operand_dk,
  operand_dv,
  operand_delta
};

/// An Error if cuDNN has no plan; which engine runs is its choice. Backward gives the same bits in
/// every run: the gradient of the scores goes through the workspace, and nothing is added in an
/// order of chance.
CudnnPlan plan_attention_forward(const Cudnn& dnn, const AttentionShape& shape,
                                 const CudnnTarget& target);
CudnnPlan plan_attention_backward(const Cudnn& dnn, const AttentionShape& shape,
                                  const CudnnTarget& target);

/// Where in backward's workspace `delta` lies: behind the plan's own, which may ask for alignment.
inline std::size_t delta_offset(const CudnnPlan& plan) {
  return (plan.workspace_bytes() + 255) / 256 * 256;
}
/// Workspace of backward in bytes.
inline std::size_t workspace_bytes(const AttentionShape& shape, const CudnnPlan& plan) {
  return delta_offset(plan) +
         static_cast<std::size_t>(shape.count * shape.queries() * shape.heads) * sizeof(float);
}

}  // namespace ijepa::cuda
