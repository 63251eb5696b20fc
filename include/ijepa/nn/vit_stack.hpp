// VitStack: the blocks of a transformer on packed token rows, with optional recomputation of
// activations (Chen et al., arXiv 1604.06174) and a callback as gradients become ready.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "ijepa/nn/block.hpp"

namespace ijepa {

enum class Recompute : std::uint8_t { none, block };

/// Called in backward when all gradients at offsets >= the argument are final for this pass.
using ReadyCallback = std::function<void(std::int64_t)>;

struct StackShape {
  BlockShape block;
  std::int64_t depth = 0;
  bool rescale_init = false;  // output projections of block i start divided by sqrt(2 (i + 1))
};

/// The rows of all blocks but the last, which all ask, and those of the last one, of which those
/// ask that a stack of one block or more is wanted for.
struct StackSequences {
  Sequences all, last;
};

class VitStack {
 public:
  struct Saved {
    std::vector<Tensor> streams;  // (T, D) residual type: every block's input
    std::vector<Block::Saved> blocks;
    std::vector<BranchScales> scales;
    std::vector<std::size_t> marks;
  };

  VitStack(ParamLayout& layout, const std::string& name, const StackShape& shape);

  std::int64_t depth() const { return static_cast<std::int64_t>(blocks_.size()); }

  /// x (T, D) residual type -> the last block's output (Tq, D). `scales`: one entry a block, or
  /// none. Everything backward needs is kept in the arena.
  Tensor forward(Pass& p, Tensor x, const StackSequences& sequences,
                 std::vector<BranchScales> scales, Recompute recompute, Saved& s) const;
  /// As forward, without keeping anything: the result is x's buffer.
  /// `after_block(i, y)`, if given, sees every block's output.
  Tensor infer(Pass& p, Tensor x, const Sequences& sequences,
               const std::function<void(std::int64_t, Tensor)>& after_block = {}) const;
  /// doutput (Tq, D): d loss / d output, which is used up; dx (T, D): d loss / dx on return. Where
  /// all rows ask, they are one tensor. Releases what forward kept.
  void backward(Pass& p, const StackSequences& sequences, Tensor doutput, Tensor dx,
                Recompute recompute, Saved& s, const ReadyCallback& ready) const;

 private:
  /// What block i saved in forward, from its input; its output is not formed.
  void compute_again(Pass& p, std::size_t i, const StackSequences& sequences, Saved& s) const;
  const Sequences& rows_of(std::size_t i, const StackSequences& sequences) const {
    return i + 1 == blocks_.size() ? sequences.last : sequences.all;
  }

  std::vector<Block> blocks_;
};

}  // namespace ijepa
