// Block: one pre-norm transformer block (Dosovitskiy et al., arXiv 2010.11929), both ways.
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

/// An addition is made together with the norm that reads its sum, in one pass over memory. That of
/// the second branch belongs to the norm of the next block, so a block ends with the branch still
/// to be added, and its backward with the gradient of the branch that was added to form its input.
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

  /// x = in.sum (T, D) residual type, the block's input, which is formed first if there is a branch
  /// to add; the block begins with its norm. What backward needs is kept in the arena.
  void enter(Pass& p, const BranchSum& in, Saved& s) const;
  /// The rest of the block, for the x that entered: its second branch (T, D) compute type, to be
  /// added to h (T, D) residual type, which is written here. branch empty: it is not computed, for
  /// backward alone.
  void forward(Pass& p, Tensor x, const Sequences& sequences, const BranchScales& scales, Tensor h,
               Tensor branch, Saved& s) const;
  /// dbranch (T, D) compute type: d loss / d branch. before.dsum_accum (T, D) residual type:
  /// d loss / dy on entry, d loss / dx on return, when before.dbranch is the gradient of the branch
  /// that was added to form x. `room` (T, D), compute type or empty, is for the gradient of the
  /// first branch; it may be dbranch, and before.dbranch, too.
  void backward(Pass& p, const Sequences& sequences, Tensor dbranch, const BranchGradient& before,
                Tensor room, const Saved& s) const;

 private:
  void attention_branch(Pass& p, Tensor x, const Sequences& sequences, Tensor h, Saved& s) const;
  void mlp_backward(Pass& p, Tensor dbranch, const BranchGradient& dattention,
                    const Saved& s) const;
  void attention_backward(Pass& p, const Sequences& sequences, Tensor dbranch,
                          const BranchGradient& before, const Saved& s) const;

  std::int64_t heads_;
  LayerNorm norm1_;
  Linear qkv_, proj_;
  LayerNorm norm2_;
  Linear fc1_, fc2_;
};

}  // namespace ijepa
