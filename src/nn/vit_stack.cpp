#include "ijepa/nn/vit_stack.hpp"

#include <cmath>
#include <utility>

namespace ijepa {

VitStack::VitStack(ParamLayout& layout, const std::string& name, const StackShape& shape) {
  for (std::int64_t i = 0; i < shape.depth; ++i) {
    BlockShape block = shape.block;
    if (shape.rescale_init) block.init_scale = 1 / std::sqrt(2.0 * static_cast<double>(i + 1));
    blocks_.emplace_back(layout, fmt::format("{}.{}", name, i), block);
  }
}

Tensor VitStack::forward(Pass& p, Tensor x, const Sequences& sequences,
                         std::vector<BranchScales> scales, Recompute recompute, Saved& s) const {
  const std::size_t depth = blocks_.size();
  s.streams.assign(1, x);
  s.blocks.assign(depth, {});
  s.marks.assign(depth, 0);
  s.scales = std::move(scales);
  s.scales.resize(depth);
  for (std::size_t i = 0; i < depth; ++i) {
    s.marks[i] = p.arena.mark();
    Tensor y = p.arena.keep(p.precision.residual, {x.rows(), x.cols()});
    const std::size_t after_output = p.arena.mark();
    blocks_[i].forward(p, x, sequences, s.scales[i], y, s.blocks[i]);
    if (recompute == Recompute::block) p.arena.release(after_output);
    x = y;
    s.streams.push_back(y);
  }
  return x;
}

Tensor VitStack::infer(Pass& p, Tensor x, const Sequences& sequences,
                       const std::function<void(std::int64_t, Tensor)>& after_block) const {
  Tensor y = p.arena.keep(p.precision.residual, {x.rows(), x.cols()});
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::size_t mark = p.arena.mark();
    Block::Saved unused;
    blocks_[i].forward(p, x, sequences, {}, y, unused);
    p.arena.release(mark);
    std::swap(x, y);
    if (after_block) after_block(static_cast<std::int64_t>(i), x);
  }
  return x;
}

void VitStack::backward(Pass& p, const Sequences& sequences, Tensor dres_inout, Recompute recompute,
                        Saved& s, const ReadyCallback& ready) const {
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    // The output buffer is still kept: recomputing writes the same values into it again.
    if (recompute == Recompute::block)
      blocks_[i].forward(p, s.streams[i], sequences, s.scales[i], s.streams[i + 1], s.blocks[i]);
    blocks_[i].backward(p, sequences, dres_inout, s.blocks[i]);
    p.arena.release(s.marks[i]);
    if (ready) ready(blocks_[i].first_offset());
  }
}

}  // namespace ijepa
