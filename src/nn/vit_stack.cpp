#include "ijepa/nn/vit_stack.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ijepa {
namespace {

/// The last block's second branch, which no norm follows.
void add_branch(Pass& p, const BranchSum& s) {
  if (s.branch.empty()) return;
  if (s.scale.empty()) {
    p.ops.add(s.residual, s.branch, s.sum);
  } else {
    p.ops.add_scaled_rows(s.residual, s.branch, s.scale, s.row_sequence, s.sum);
  }
}

/// Its gradient: d.dbranch = scale * d.dsum_accum.
void form_branch_gradient(Pass& p, const BranchGradient& d) {
  if (d.dbranch.empty()) return;
  if (d.scale.empty()) {
    p.ops.copy(d.dsum_accum, d.dbranch);
  } else {
    p.ops.add_scaled_rows({}, d.dsum_accum, d.scale, d.row_sequence, d.dbranch);
  }
}

/// Room for the gradient of one branch after the other, (T, D) compute type, in the caller's
/// scratch scope. Empty where none differs from that of the residual stream.
Tensor branch_room(Pass& p, DType residual, std::initializer_list<std::int64_t> shape,
                   const std::vector<BranchScales>& scales) {
  const bool scaled = std::any_of(scales.begin(), scales.end(), [](const BranchScales& s) {
    return !s.attention.empty() || !s.mlp.empty();
  });
  if (!scaled && residual == p.precision.compute) return {};
  return p.arena.scratch(p.precision.compute, shape);
}

}  // namespace

VitStack::VitStack(ParamLayout& layout, const std::string& name, const StackShape& shape) {
  for (std::int64_t i = 0; i < shape.depth; ++i) {
    BlockShape block = shape.block;
    if (shape.rescale_init) block.init_scale = 1 / std::sqrt(2.0 * static_cast<double>(i + 1));
    blocks_.emplace_back(layout, fmt::format("{}.{}", name, i), block);
  }
}

Sequences VitStack::rows_of(std::size_t i, const StackSequences& sequences) const {
  Sequences rows = i + 1 == blocks_.size() ? sequences.last : sequences.all;
  if (i == 0 && blocks_.size() > 1) rows.sources = sequences.sources;
  return rows;
}

Tensor VitStack::forward(Pass& p, Tensor x, const StackSequences& sequences,
                         std::vector<BranchScales> scales, Recompute recompute, Saved& s) const {
  const std::size_t depth = blocks_.size();
  const DType residual = p.precision.residual;
  const bool again = recompute == Recompute::block;
  s.streams.clear();
  s.blocks.assign(depth, {});
  s.marks.assign(depth, 0);
  s.scales = std::move(scales);
  s.scales.resize(depth);
  const std::int64_t most = sequences.sources.outputs(x.rows());
  if (spreads_first(sequences)) {
    const Tensor each = p.arena.keep(residual, {most, x.cols()});
    p.ops.gather_rows(x, sequences.sources.row, each);
    x = each;
  }
  Arena::ScratchScope scope(p.arena);
  const auto like_x = [&](DType type) { return p.arena.scratch(type, {most, x.cols()}); };
  const Tensor room = like_x(p.precision.compute), passing = again ? like_x(residual) : Tensor{};
  BranchSum next{.sum = x};
  for (std::size_t i = 0; i < depth; ++i) {
    const Sequences rows = rows_of(i, sequences);
    const std::int64_t outputs = rows.outputs(next.sum.rows());
    s.marks[i] = p.arena.mark();
    s.streams.push_back(next.sum);
    const Tensor y = p.arena.keep(residual, {outputs, x.cols()});
    const std::size_t after_output = p.arena.mark();
    blocks_[i].enter(p, next, s.blocks[i]);
    const Tensor branch = first_rows(room, outputs);
    const Tensor h =
        again ? first_rows(passing, outputs) : p.arena.keep(residual, {outputs, x.cols()});
    blocks_[i].forward(p, next.sum, rows, s.scales[i], h, branch, s.blocks[i]);
    if (again) p.arena.release(after_output);
    next = {h, branch, s.scales[i].mlp, rows.of_row, y};
  }
  add_branch(p, next);
  return next.sum;
}

Tensor VitStack::infer(Pass& p, Tensor x, const StackSequences& sequences,
                       const std::function<void(std::int64_t, Tensor)>& after_block) const {
  const std::size_t start = p.arena.mark();
  const Tensor h_room = p.arena.keep(p.precision.residual, {x.rows(), x.cols()});
  const Tensor room = p.arena.keep(p.precision.compute, {x.rows(), x.cols()});
  BranchSum next{.sum = x};
  const auto show = [&](std::size_t i) {
    if (after_block) after_block(static_cast<std::int64_t>(i), next.sum);
  };
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    const std::size_t mark = p.arena.mark();
    const Sequences rows = rows_of(i, sequences);
    const std::int64_t outputs = rows.outputs(x.rows());
    Block::Saved unused;
    unused.keeps_pre = false;
    blocks_[i].enter(p, next, unused);
    if (i > 0) show(i - 1);
    const Tensor h = first_rows(h_room, outputs), branch = first_rows(room, outputs);
    blocks_[i].forward(p, x, rows, {}, h, branch, unused);
    p.arena.release(mark);
    next = {.residual = h, .branch = branch, .sum = first_rows(x, outputs)};
  }
  add_branch(p, next);
  if (!blocks_.empty()) show(blocks_.size() - 1);
  p.arena.release(start);
  return next.sum;
}

void VitStack::backward(Pass& p, const StackSequences& sequences, Tensor doutput, Tensor dx,
                        Recompute recompute, Saved& s, const ReadyCallback& ready) const {
  if (blocks_.empty()) return;
  Arena::ScratchScope scope(p.arena);
  const std::size_t depth = blocks_.size();
  const std::int64_t rows = sequences.sources.outputs(dx.rows());
  const Tensor room = branch_room(p, dx.dtype, {rows, dx.cols()}, s.scales);
  // Behind the first block, where there are T rows.
  const Tensor between =
      sequences.sources.row.empty() ? dx : p.arena.scratch(dx.dtype, {rows, dx.cols()});
  const auto branch_of = [&](std::size_t i) {
    const Tensor dsum = i + 1 == depth ? doutput : between;
    return BranchGradient{dsum, s.scales[i].mlp, rows_of(i, sequences).of_row,
                          first_rows(room, dsum.rows())};
  };
  const Tensor dfirst = spreads_first(sequences) ? between : dx;
  form_branch_gradient(p, branch_of(depth - 1));
  for (std::size_t i = depth; i-- > 0;) {
    if (recompute == Recompute::block) compute_again(p, i, sequences, s);
    const auto before = i > 0 ? branch_of(i - 1) : BranchGradient{.dsum_accum = dfirst};
    blocks_[i].backward(p, rows_of(i, sequences), branch_of(i), before, s.blocks[i]);
    p.arena.release(s.marks[i]);
    if (ready) ready(blocks_[i].first_offset());
  }
  if (spreads_first(sequences))
    p.ops.gather_sum_rows(dfirst, sequences.sources.uses, sequences.sources.begin, dx);
}

void VitStack::compute_again(Pass& p, std::size_t i, const StackSequences& sequences,
                             Saved& s) const {
  const Tensor x = s.streams[i];
  const Sequences rows = rows_of(i, sequences);
  blocks_[i].enter(p, {.sum = x}, s.blocks[i]);
  const Tensor h = p.arena.keep(p.precision.residual, {rows.outputs(x.rows()), x.cols()});
  blocks_[i].forward(p, x, rows, s.scales[i], h, {}, s.blocks[i]);
}

}  // namespace ijepa
