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

/// The T rows of a stack's blocks, which all ask; of those of the last one those may ask whose
/// outputs are wanted. Of the rows that come in the stack may be given one of each kind
/// (Sequences).
struct StackSequences {
  Sequences all, last;
  RowSources sources{};
};

class VitStack {
 public:
  struct Saved {
    std::vector<Tensor> streams;  // (T, D), the first one (U, D), residual type: blocks' inputs
    std::vector<Block::Saved> blocks;
    std::vector<BranchScales> scales;
    std::vector<std::size_t> marks;
  };

  VitStack(ParamLayout& layout, const std::string& name, const StackShape& shape);

  std::int64_t depth() const { return static_cast<std::int64_t>(blocks_.size()); }

  /// x (U, D) residual type -> the last block's output (Tq, D). `scales`: one entry a block, or
  /// none. Everything backward needs is kept in the arena.
  Tensor forward(Pass& p, Tensor x, const StackSequences& sequences,
                 std::vector<BranchScales> scales, Recompute recompute, Saved& s) const;
  /// As forward, without keeping anything: the result is in x's buffer. No sources.
  /// `after_block(i, y)`, if given, sees every block's output.
  Tensor infer(Pass& p, Tensor x, const StackSequences& sequences,
               const std::function<void(std::int64_t, Tensor)>& after_block = {}) const;
  /// doutput (Tq, D): d loss / d output, which is used up; dx (U, D): d loss / dx on return. Where
  /// all rows ask and none has a source, they are one tensor. Releases what forward kept.
  void backward(Pass& p, const StackSequences& sequences, Tensor doutput, Tensor dx,
                Recompute recompute, Saved& s, const ReadyCallback& ready) const;

 private:
  /// What block i saved in forward, from its input; its output is not formed.
  void compute_again(Pass& p, std::size_t i, const StackSequences& sequences, Saved& s) const;
  Sequences rows_of(std::size_t i, const StackSequences& sequences) const;
  /// The only block is the last one, so rows are told apart before it.
  bool spreads_first(const StackSequences& sequences) const {
    return blocks_.size() == 1 && !sequences.sources.row.empty();
  }

  std::vector<Block> blocks_;
};

}  // namespace ijepa
