// Block: one pre-norm transformer block (Dosovitskiy et al., arXiv 2010.11929), forward and
// backward.
//   h = x + s1 * proj(attention(qkv(norm1(x)))),   y = h + s2 * fc2(gelu(fc1(norm2(h))))
// s1, s2 are the drop-path scales of each sequence (1 without drop path).
#pragma once
#include <string>

#include "ijepa/nn/layer_norm.hpp"
#include "ijepa/nn/linear.hpp"

namespace ijepa {

struct BlockShape {
  std::int64_t width = 0, heads = 0, mlp_hidden = 0;
  double init_scale = 1;  // of the two output projections
};

/// The packed token rows of a stack: sequences, and which sequence each row belongs to.
struct Sequences {
  Groups groups;
  Tensor of_row;  // (T) int32, needed by drop path only
};

/// Drop-path scales of one block's two branches, (sequences) statistics type: 0 or 1 / (1 - rate).
/// Empty tensors: the branch is not scaled.
struct BranchScales {
  Tensor attention, mlp;
};

class Block {
 public:
  struct Saved {
    LayerNorm::Saved norm1, norm2;
    Tensor normed1, qkv, attended;   // (T, D), (T, 3 D), (T, D) compute type
    Tensor lse;                      // (T, heads) statistics type
    Tensor normed2, pre, activated;  // (T, D), (T, hidden), (T, hidden) compute type
    BranchScales scales;
  };

  Block(ParamLayout& layout, const std::string& name, const BlockShape& shape);

  std::int64_t first_offset() const { return norm1_.first_offset(); }

  /// x (T, D) -> y (T, D), residual type, two buffers. What backward needs is kept in the arena.
  void forward(Pass& p, Tensor x, const Sequences& sequences, const BranchScales& scales, Tensor y,
               Saved& s) const;
  /// dres_inout (T, D) residual type: d loss / dy on entry, d loss / dx on return.
  void backward(Pass& p, const Sequences& sequences, Tensor dres_inout, const Saved& s) const;

 private:
  // The first branch ends with its addition to x and the norm of the sum, h and s.normed2: one pass
  // over memory. Its backward starts where that of norm2 ends, in one pass again: dattention.
  void attention_branch(Pass& p, Tensor x, const Sequences& sequences, Tensor h, Saved& s) const;
  void mlp_branch(Pass& p, Tensor h, const Sequences& sequences, Tensor y, Saved& s) const;
  void mlp_backward(Pass& p, Tensor dbranch, const BranchGradient& dattention,
                    const Saved& s) const;
  void attention_backward(Pass& p, const Sequences& sequences, Tensor dbranch, Tensor dres_inout,
                          const Saved& s) const;

  std::int64_t heads_;
  LayerNorm norm1_;
  Linear qkv_, proj_;
  LayerNorm norm2_;
  Linear fc1_, fc2_;
};

}  // namespace ijepa
