// ModulatedBlock: a pre-norm transformer block whose norms and branches a condition changes
// (Peebles and Xie, arXiv 2212.09748, figure 3: adaLN-Zero), both ways.
//   h = x + g1 proj(attention(qkv((1 + a1) norm1(x) + b1))),  y the same of h with fc2(gelu(fc1))
#pragma once
#include <string>

#include "ijepa/nn/block.hpp"
#include "ijepa/nn/modulation.hpp"

namespace ijepa {

/// All tensors are of one type, float32 or float64.
class ModulatedBlock {
 public:
  struct Saved {
    Modulation::Saved modulation;
    LayerNorm::Saved norm1, norm2;
    Tensor normed1, input1, qkv, attended, lse, branch1;  // (M, D), qkv (M, 3 D), lse (M, heads)
    Tensor normed2, input2, pre, branch2;                 // (M, D), pre (M, hidden)
  };

  ModulatedBlock(ParamLayout& layout, const std::string& name, const BlockShape& shape);

  std::int64_t first_offset() const { return modulation_.first_offset(); }

  /// x (M, D) in `group`, condition (S, D) -> y (M, D), kept in the arena as all that backward
  /// needs.
  Tensor forward(Pass& p, Tensor x, Tensor condition, const SequenceGroup& group,
                 const ModulatedRows& rows, Saved& s) const;
  /// dx_inout (M, D): d loss / dy, on return d loss / dx. dcondition_accum (S, D).
  void backward(Pass& p, Tensor dx_inout, Tensor dcondition_accum, const SequenceGroup& group,
                const ModulatedRows& rows, const Saved& s) const;

 private:
  void attention_backward(Pass& p, Tensor dx_inout, const SequenceGroup& group,
                          const ModulatedRows& rows, std::vector<Tensor>& dparts,
                          const Saved& s) const;
  void mlp_backward(Pass& p, Tensor dx_inout, const ModulatedRows& rows,
                    std::vector<Tensor>& dparts, const Saved& s) const;

  std::int64_t heads_;
  Modulation modulation_;
  BlockLayers layers_;
};

}  // namespace ijepa
