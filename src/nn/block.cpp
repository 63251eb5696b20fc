#include "ijepa/nn/block.hpp"

namespace ijepa {
namespace {

constexpr double norm_epsilon = 1e-6;

}  // namespace

BlockLayers::BlockLayers(ParamLayout& layout, const std::string& name, const BlockShape& shape)
    : norm1(layout, name + ".norm1", shape.width, norm_epsilon),
      qkv(layout, name + ".attn.qkv", {.in = shape.width, .out = 3 * shape.width}),
      proj(layout, name + ".attn.proj",
           {.in = shape.width, .out = shape.width, .init_scale = shape.init_scale}),
      norm2(layout, name + ".norm2", shape.width, norm_epsilon),
      fc1(layout, name + ".mlp.fc1", {.in = shape.width, .out = shape.mlp_hidden}),
      fc2(layout, name + ".mlp.fc2",
          {.in = shape.mlp_hidden, .out = shape.width, .init_scale = shape.init_scale}) {}

Block::Block(ParamLayout& layout, const std::string& name, const BlockShape& shape)
    : heads_(shape.heads), layers_(layout, name, shape) {}

void Block::enter(Pass& p, const BranchSum& in, Saved& s) const {
  s.normed1 = p.arena.keep(p.precision.compute, {in.sum.rows(), in.sum.cols()});
  layers_.norm1.forward(p, in, s.normed1, s.norm1);
}

void Block::forward(Pass& p, Tensor x, const Sequences& sequences, const BranchScales& scales,
                    Tensor h, Tensor branch, Saved& s) const {
  s.scales = scales;
  attention_branch(p, x, sequences, h, s);
  const std::int64_t rows = sequences.outputs(x.rows());
  if (s.keeps_pre) s.pre = p.arena.keep(p.precision.compute, {rows, layers_.fc1.out()});
  if (branch.empty()) return layers_.fc1.forward(p, s.normed2, s.pre);
  Arena::ScratchScope scope(p.arena);
  const Tensor activated = p.arena.scratch(p.precision.compute, {rows, layers_.fc1.out()});
  layers_.fc1.forward_gelu(p, s.normed2, s.pre, activated);
  layers_.fc2.forward(p, activated, branch);
}

// q of the rows that ask, k and v of all.
void Block::project(Pass& p, const Sequences& sequences, Saved& s) const {
  const DType type = p.precision.compute;
  const std::int64_t rows = s.normed1.rows(), width = s.normed1.cols();
  if (sequences.asking.empty()) {
    s.projected = {.qkv = p.arena.keep(type, {sequences.sources.outputs(rows), 3 * width})};
    if (sequences.sources.row.empty()) return layers_.qkv.forward(p, s.normed1, s.projected.qkv);
    Arena::ScratchScope scope(p.arena);
    const Tensor once = p.arena.scratch(type, {rows, 3 * width});
    layers_.qkv.forward(p, s.normed1, once);
    return p.ops.gather_rows(once, sequences.sources.row, s.projected.qkv);
  }
  const std::int64_t asking = sequences.asking.numel();
  s.asking = p.arena.keep(type, {asking, width});
  s.projected = {.q = p.arena.keep(type, {asking, width}),
                 .kv = p.arena.keep(type, {rows, 2 * width})};
  p.ops.gather_rows(s.normed1, sequences.asking, s.asking);
  queries().forward(p, s.asking, s.projected.q);
  keys_and_values().forward(p, s.normed1, s.projected.kv);
}

void Block::attention_branch(Pass& p, Tensor x, const Sequences& sequences, Tensor h,
                             Saved& s) const {
  const DType type = p.precision.compute;
  const std::int64_t rows = sequences.outputs(x.rows()), width = x.cols(),
                     asking = sequences.wanted.empty() ? rows : x.rows();
  project(p, sequences, s);
  s.attended = p.arena.keep(type, {asking, width});
  s.lse = p.arena.keep(p.precision.statistics(), {asking, heads_});
  p.ops.attention_forward(s.projected, heads_, sequences.groups, s.attended, s.lse);
  s.normed2 = p.arena.keep(type, {rows, width});
  Arena::ScratchScope scope(p.arena);
  const auto gathered = [&](const Tensor& t, const Tensor& numbers) {
    if (numbers.empty()) return t;
    const Tensor y = p.arena.scratch(t.dtype, {rows, width});
    p.ops.gather_rows(t, numbers, y);
    return y;
  };
  const Tensor branch = p.arena.scratch(type, {rows, width});
  layers_.proj.forward(p, gathered(s.attended, sequences.wanted), branch);
  const Tensor residual = gathered(x, sequences.taken());
  layers_.norm2.forward(p, {residual, branch, s.scales.attention, sequences.of_row, h}, s.normed2,
                        s.norm2);
}

void Block::backward(Pass& p, const Sequences& sequences, const BranchGradient& after,
                     const BranchGradient& before, const Saved& s) const {
  const BranchGradient dattention{after.dsum_accum, s.scales.attention, sequences.of_row,
                                  after.dbranch};
  mlp_backward(p, after.branch(), dattention, s);
  attention_backward(p, sequences, dattention, before, s);
}

// y = h + s2 f(h):  dh = dy + (d f / dh)^T (s2 dy).
void Block::mlp_backward(Pass& p, Tensor dbranch, const BranchGradient& dattention,
                         const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const DType type = p.precision.compute;
  const Tensor dhidden = p.arena.scratch(type, {dbranch.rows(), layers_.fc1.out()}),
               activated = p.arena.scratch(type, {dbranch.rows(), layers_.fc1.out()});
  layers_.fc2.backward_input_gelu(p, dbranch, s.pre, dhidden, activated);
  layers_.fc2.backward_params(p, dbranch, activated);
  Tensor dnormed = p.arena.scratch(type, {dbranch.rows(), layers_.fc1.in()});
  layers_.fc1.backward_params(p, dhidden, s.normed2);
  layers_.fc1.backward_input(p, dhidden, dnormed);
  layers_.norm2.backward(p, dnormed, dattention, s.norm2);
}

// h = x + s1 g(x):  dx = dh + (d g / dx)^T (s1 dh), dh being zero where x has no h.
void Block::attention_backward(Pass& p, const Sequences& sequences,
                               const BranchGradient& dattention, const BranchGradient& before,
                               const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const auto like = [&](const Tensor& t) {
    return t.empty() ? t : p.arena.scratch(t.dtype, {t.rows(), t.cols()});
  };
  const Tensor dbranch = dattention.branch(), dattended = like(s.attended);
  layers_.proj.backward_params(p, dbranch, s.attended);
  layers_.proj.backward_input(p, dbranch, dattended);
  const AttentionRows d{like(s.projected.qkv), like(s.projected.q), like(s.projected.kv)};
  p.ops.attention_backward(dattended, s.projected, s.attended, s.lse, heads_, sequences.groups, d);
  const Tensor dnormed = like(s.normed1);
  project_backward(p, sequences, d, dnormed, s);
  const RowSources& sources = sequences.sources;
  if (!sequences.asking.empty())
    p.ops.scatter_rows(dattention.dsum_accum, sequences.asking, before.dsum_accum);
  if (!sources.row.empty())
    p.ops.gather_sum_rows(dattention.dsum_accum, sources.uses, sources.begin, before.dsum_accum);
  layers_.norm1.backward(p, dnormed, before, s.norm1);
}

void Block::project_backward(Pass& p, const Sequences& sequences, const AttentionRows& d,
                             Tensor dnormed, const Saved& s) const {
  if (sequences.asking.empty()) {
    const RowSources& sources = sequences.sources;
    if (sources.row.empty()) {
      layers_.qkv.backward_params(p, d.qkv, s.normed1);
      return layers_.qkv.backward_input(p, d.qkv, dnormed);
    }
    const Tensor once = p.arena.scratch(d.qkv.dtype, {s.normed1.rows(), d.qkv.cols()});
    p.ops.gather_sum_rows(d.qkv, sources.uses, sources.begin, once);
    layers_.qkv.backward_params(p, once, s.normed1, d.qkv);
    return layers_.qkv.backward_input(p, once, dnormed);
  }
  keys_and_values().backward_params(p, d.kv, s.normed1);
  keys_and_values().backward_input(p, d.kv, dnormed);
  queries().backward_params(p, d.q, s.asking);
  const Tensor dasking = p.arena.scratch(d.q.dtype, {d.q.rows(), d.q.cols()});
  queries().backward_input(p, d.q, dasking);
  p.ops.scatter_add_rows(dasking, sequences.asking, dnormed);
}

}  // namespace ijepa
