#include "ijepa/nn/block.hpp"

namespace ijepa {
namespace {

constexpr double norm_epsilon = 1e-6;

/// y = residual + scale * linear(x).
void add_branch(Pass& p, const Linear& linear, Tensor x, Tensor residual, Tensor scale,
                const Sequences& sequences, Tensor y) {
  Arena::ScratchScope scope(p.arena);
  Tensor branch = p.arena.scratch(p.precision.compute, {x.rows(), linear.out()});
  if (scale.empty()) {
    linear.forward_residual(p, x, residual, branch, y);
    return;
  }
  linear.forward(p, x, branch);
  p.ops.add_scaled_rows(residual, branch, scale, sequences.of_row, y);
}

/// Room for the gradient of one branch after the other, (T, D) compute type, in the caller's
/// scratch scope. Empty where neither differs from that of the residual stream.
Tensor branch_room(Pass& p, Tensor dres, const BranchScales& scales) {
  if (scales.attention.empty() && scales.mlp.empty() && dres.dtype == p.precision.compute)
    return {};
  return p.arena.scratch(p.precision.compute, {dres.rows(), dres.cols()});
}

/// d.dbranch = scale * d.dsum_accum.
void form_branch_gradient(Pass& p, const BranchGradient& d) {
  if (d.dbranch.empty()) return;
  if (d.scale.empty()) {
    p.ops.copy(d.dsum_accum, d.dbranch);
  } else {
    p.ops.add_scaled_rows({}, d.dsum_accum, d.scale, d.row_sequence, d.dbranch);
  }
}

/// What the branch's backward starts from.
Tensor branch_gradient(const BranchGradient& d) {
  return d.dbranch.empty() ? d.dsum_accum : d.dbranch;
}

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

void Block::forward(Pass& p, Tensor x, const Sequences& sequences, const BranchScales& scales,
                    Tensor y, Saved& s) const {
  s.scales = scales;
  Tensor h = p.arena.keep(p.precision.residual, {x.rows(), x.cols()});
  attention_branch(p, x, sequences, h, s);
  mlp_branch(p, h, sequences, y, s);
}

void Block::attention_branch(Pass& p, Tensor x, const Sequences& sequences, Tensor h,
                             Saved& s) const {
  const DType type = p.precision.compute;
  const std::int64_t rows = x.rows(), width = x.cols();
  s.normed1 = p.arena.keep(type, {rows, width});
  norm1_.forward(p, x, s.normed1, s.norm1);
  s.qkv = p.arena.keep(type, {rows, 3 * width});
  qkv_.forward(p, s.normed1, s.qkv);
  s.attended = p.arena.keep(type, {rows, width});
  s.lse = p.arena.keep(p.precision.statistics(), {rows, heads_});
  p.ops.attention_forward(s.qkv, heads_, sequences.groups, s.attended, s.lse);
  s.normed2 = p.arena.keep(type, {rows, width});
  Arena::ScratchScope scope(p.arena);
  Tensor branch = p.arena.scratch(type, {rows, width});
  proj_.forward(p, s.attended, branch);
  norm2_.forward_sum(p, {x, branch, s.scales.attention, sequences.of_row, h}, s.normed2, s.norm2);
}

void Block::mlp_branch(Pass& p, Tensor h, const Sequences& sequences, Tensor y, Saved& s) const {
  const DType type = p.precision.compute;
  const std::int64_t rows = h.rows();
  s.pre = p.arena.keep(type, {rows, fc1_.out()});
  s.activated = p.arena.keep(type, {rows, fc1_.out()});
  fc1_.forward_gelu(p, s.normed2, s.pre, s.activated);
  add_branch(p, fc2_, s.activated, h, s.scales.mlp, sequences, y);
}

void Block::backward(Pass& p, const Sequences& sequences, Tensor dres_inout, const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const Tensor room = branch_room(p, dres_inout, s.scales);
  const BranchGradient dmlp{dres_inout, s.scales.mlp, sequences.of_row, room};
  const BranchGradient dattention{dres_inout, s.scales.attention, sequences.of_row, room};
  form_branch_gradient(p, dmlp);
  mlp_backward(p, branch_gradient(dmlp), dattention, s);
  attention_backward(p, sequences, branch_gradient(dattention), dres_inout, s);
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
  norm2_.backward_sum(p, dnormed, dattention, s.norm2);
}

// h = x + s1 g(x):  dx = dh + (d g / dx)^T (s1 dh).
void Block::attention_backward(Pass& p, const Sequences& sequences, Tensor dbranch,
                               Tensor dres_inout, const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const DType type = p.precision.compute;
  const std::int64_t rows = dres_inout.rows(), width = dres_inout.cols();
  Tensor dattended = p.arena.scratch(type, {rows, width});
  proj_.backward_params(p, dbranch, s.attended);
  proj_.backward_input(p, dbranch, dattended);
  Tensor dqkv = p.arena.scratch(type, {rows, 3 * width});
  p.ops.attention_backward(dattended, s.qkv, s.attended, s.lse, heads_, sequences.groups, dqkv);
  Tensor dnormed = p.arena.scratch(type, {rows, width});
  qkv_.backward_params(p, dqkv, s.normed1);
  qkv_.backward_input(p, dqkv, dnormed);
  norm1_.backward(p, dnormed, dres_inout, s.norm1);
}

}  // namespace ijepa
