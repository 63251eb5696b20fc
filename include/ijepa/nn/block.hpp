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

/// What a block of either kind consists of, in the order of its parameters.
struct BlockLayers {
  BlockLayers(ParamLayout& layout, const std::string& name, const BlockShape& shape);

  LayerNorm norm1;
  Linear qkv, proj;
  LayerNorm norm2;
  Linear fc1, fc2;
};

/// Which of U different rows each of T rows is: row i is number `row`[i]. Empty: each is itself.
struct RowSources {
  Tensor row{};            // (T) int32
  Tensor uses{}, begin{};  // (T), (U + 1) int32: rows of each of the U, for gather_sum_rows

  std::int64_t outputs(std::int64_t rows) const { return row.empty() ? rows : row.numel(); }
};

/// The packed token rows of a block: sequences, and which sequence each row belongs to. Where only
/// some of the T rows' outputs are wanted, these ask, Tq in number: the others give keys and
/// values, and all that follows attention is of the rows that ask. Else Tq is T.
///
/// Of rows that are equal as they come in, one is given: the block has T rows where `sources` has,
/// and its input x one of each kind, U in number. Else U is T. Not together with `asking`.
///
/// Sequences that want different numbers of rows would each be a shape of attention by itself,
/// which some devices compile. So all may have queries, and `wanted` go on behind attention; for
/// passes without backward.
struct Sequences {
  Groups groups;    // with how many rows of each sequence ask
  Tensor of_row;    // (Tq) int32, needed by drop path only
  Tensor asking{};  // (Tq) int32, the rows that ask, sequence by sequence; empty: all
  RowSources sources{};
  Tensor wanted{};  // (Tq) int32, rows, where all ask though only these go on

  /// The row of x that each output is of; empty: its own.
  const Tensor& taken() const {
    if (!wanted.empty()) return wanted;
    return asking.empty() ? sources.row : asking;
  }

  /// Tq, where x has so many rows.
  std::int64_t outputs(std::int64_t rows) const { return taken().empty() ? rows : taken().numel(); }
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
    Tensor normed1, asking;   // (U, D), (Tq, D): its rows that ask, unless all do
    AttentionRows projected;  // (T, 3 D), or (Tq, D) and (T, 2 D), compute type as all here
    Tensor attended, lse;     // (Tq, D), (Tq, heads) statistics type
    Tensor normed2, pre;      // (Tq, D), (Tq, hidden)
    BranchScales scales;
    bool keeps_pre = true;  // false where no backward follows
  };

  Block(ParamLayout& layout, const std::string& name, const BlockShape& shape);

  std::int64_t first_offset() const { return layers_.norm1.first_offset(); }

  /// x = in.sum (U, D) residual type, the block's input, which is formed first if there is a branch
  /// to add; the block begins with its norm. What backward needs is kept in the arena.
  void enter(Pass& p, const BranchSum& in, Saved& s) const;
  /// The rest of the block, for the x that entered: its second branch (Tq, D) compute type, to be
  /// added to h (Tq, D) residual type, which is written here. branch empty: it is not computed, for
  /// backward alone.
  void forward(Pass& p, Tensor x, const Sequences& sequences, const BranchScales& scales, Tensor h,
               Tensor branch, Saved& s) const;
  /// after (Tq, D): d loss / dy, which is used up, and formed from it the gradient of the second
  /// branch, whose place that of the first one takes. before (U, D): d loss / dx on return, and of
  /// the branch that was added to form x. They may share memory: before.dsum_accum is
  /// after.dsum_accum where all rows ask and none has a source.
  void backward(Pass& p, const Sequences& sequences, const BranchGradient& after,
                const BranchGradient& before, const Saved& s) const;

 private:
  void attention_branch(Pass& p, Tensor x, const Sequences& sequences, Tensor h, Saved& s) const;
  void project(Pass& p, const Sequences& sequences, Saved& s) const;
  void mlp_backward(Pass& p, Tensor dbranch, const BranchGradient& dattention,
                    const Saved& s) const;
  void attention_backward(Pass& p, const Sequences& sequences, const BranchGradient& dattention,
                          const BranchGradient& before, const Saved& s) const;
  void project_backward(Pass& p, const Sequences& sequences, const AttentionRows& d, Tensor dnormed,
                        const Saved& s) const;

  Linear queries() const { return layers_.qkv.outputs(0, layers_.qkv.in()); }
  Linear keys_and_values() const {
    return layers_.qkv.outputs(layers_.qkv.in(), 2 * layers_.qkv.in());
  }

  std::int64_t heads_;
  BlockLayers layers_;
};

}  // namespace ijepa
