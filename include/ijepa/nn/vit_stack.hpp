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

class VitStack {
 public:
  struct Saved {
    std::vector<Tensor> streams;  // (T, D) residual type: every block's input, then the output
    std::vector<Block::Saved> blocks;
    std::vector<BranchScales> scales;
    std::vector<std::size_t> marks;
  };

  VitStack(ParamLayout& layout, const std::string& name, const StackShape& shape);

  std::int64_t depth() const { return static_cast<std::int64_t>(blocks_.size()); }

  /// x (T, D) residual type -> the last block's output. `scales`: one entry a block, or none.
  /// Everything backward needs is kept in the arena.
  Tensor forward(Pass& p, Tensor x, const Sequences& sequences, std::vector<BranchScales> scales,
                 Recompute recompute, Saved& s) const;
  /// As forward, without keeping anything: the result is x's buffer.
  /// `after_block(i, y)`, if given, sees every block's output.
  Tensor infer(Pass& p, Tensor x, const Sequences& sequences,
               const std::function<void(std::int64_t, Tensor)>& after_block = {}) const;
  /// dres_inout: d loss / d output on entry, d loss / dx on return. Releases what forward kept.
  void backward(Pass& p, const Sequences& sequences, Tensor dres_inout, Recompute recompute,
                Saved& s, const ReadyCallback& ready) const;

 private:
  /// What block i saved in forward, from its input; its output is not formed.
  void compute_again(Pass& p, std::size_t i, const Sequences& sequences, Saved& s) const;

  std::vector<Block> blocks_;
};

}  // namespace ijepa
