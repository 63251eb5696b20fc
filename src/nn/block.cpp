#include "ijepa/nn/block.hpp"

namespace ijepa {
namespace {

constexpr double norm_epsilon = 1e-6;

}  // namespace

Block::Block(ParamLayout& layout, const std::string& name, const BlockShape& shape)
    : heads_(shape.heads),
      norm1_(layout, name + ".norm1", shape.width, norm_epsilon),
      qkv_(layout, name + ".attn.qkv", {.in = shape.width, .out = 3 * shape.width}),
      proj_(layout, name + ".attn.proj",
            {.in = shape.width, .out = shape.width, .init_scale = shape.init_scale}),
      norm2_(layout, name + ".norm2", shape.width, norm_epsilon),
      fc1_(layout, name + ".mlp.fc1", {.in = shape.width, .out = shape.mlp_hidden}),
      fc2_(layout, name + ".mlp.fc2",
           {.in = shape.mlp_hidden, .out = shape.width, .init_scale = shape.init_scale}) {}

void Block::enter(Pass& p, const BranchSum& in, Saved& s) const {
  s.normed1 = p.arena.keep(p.precision.compute, {in.sum.rows(), in.sum.cols()});
  norm1_.forward(p, in, s.normed1, s.norm1);
}

void Block::forward(Pass& p, Tensor x, const Sequences& sequences, const BranchScales& scales,
                    Tensor h, Tensor branch, Saved& s) const {
  s.scales = scales;
  attention_branch(p, x, sequences, h, s);
  s.pre = p.arena.keep(p.precision.compute, {x.rows(), fc1_.out()});
  s.activated = p.arena.keep(p.precision.compute, {x.rows(), fc1_.out()});
  fc1_.forward_gelu(p, s.normed2, s.pre, s.activated);
  if (!branch.empty()) fc2_.forward(p, s.activated, branch);
}

void Block::attention_branch(Pass& p, Tensor x, const Sequences& sequences, Tensor h,
                             Saved& s) const {
  const DType type = p.precision.compute;
  const std::int64_t rows = x.rows(), width = x.cols();
  s.qkv = p.arena.keep(type, {rows, 3 * width});
  qkv_.forward(p, s.normed1, s.qkv);
  s.attended = p.arena.keep(type, {rows, width});
  s.lse = p.arena.keep(p.precision.statistics(), {rows, heads_});
  p.ops.attention_forward(s.qkv, heads_, sequences.groups, s.attended, s.lse);
  s.normed2 = p.arena.keep(type, {rows, width});
  Arena::ScratchScope scope(p.arena);
  Tensor branch = p.arena.scratch(type, {rows, width});
  proj_.forward(p, s.attended, branch);
  norm2_.forward(p, {x, branch, s.scales.attention, sequences.of_row, h}, s.normed2, s.norm2);
}

void Block::backward(Pass& p, const Sequences& sequences, Tensor dbranch,
                     const BranchGradient& before, Tensor room, const Saved& s) const {
  const BranchGradient d{before.dsum_accum, s.scales.attention, sequences.of_row, room};
  mlp_backward(p, dbranch, d, s);
  attention_backward(p, sequences, d.branch(), before, s);
}

// y = h + s2 f(h):  dh = dy + (d f / dh)^T (s2 dy).
void Block::mlp_backward(Pass& p, Tensor dbranch, const BranchGradient& dattention,
                         const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const DType type = p.precision.compute;
  Tensor dhidden = p.arena.scratch(type, {dbranch.rows(), fc1_.out()});
  fc2_.backward_params(p, dbranch, s.activated);
  fc2_.backward_input(p, dbranch, dhidden);
  p.ops.gelu_backward(s.pre, dhidden);
  Tensor dnormed = p.arena.scratch(type, {dbranch.rows(), fc1_.in()});
  fc1_.backward_params(p, dhidden, s.normed2);
  fc1_.backward_input(p, dhidden, dnormed);
  norm2_.backward(p, dnormed, dattention, s.norm2);
}

// h = x + s1 g(x):  dx = dh + (d g / dx)^T (s1 dh).
void Block::attention_backward(Pass& p, const Sequences& sequences, Tensor dbranch,
                               const BranchGradient& before, const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const DType type = p.precision.compute;
  const std::int64_t rows = dbranch.rows(), width = dbranch.cols();
  Tensor dattended = p.arena.scratch(type, {rows, width});
  proj_.backward_params(p, dbranch, s.attended);
  proj_.backward_input(p, dbranch, dattended);
  Tensor dqkv = p.arena.scratch(type, {rows, 3 * width});
  p.ops.attention_backward(dattended, s.qkv, s.attended, s.lse, heads_, sequences.groups, dqkv);
  Tensor dnormed = p.arena.scratch(type, {rows, width});
  qkv_.backward_params(p, dqkv, s.normed1);
  qkv_.backward_input(p, dqkv, dnormed);
  norm1_.backward(p, dnormed, before, s.norm1);
}

}  // namespace ijepa
