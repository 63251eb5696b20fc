#include "ijepa/nn/modulated_block.hpp"

#include "ijepa/nn/like.hpp"

namespace ijepa {
namespace {

enum Part : std::size_t { shift1, scale1, gate1, shift2, scale2, gate2, part_count };

}  // namespace

ModulatedBlock::ModulatedBlock(ParamLayout& layout, const std::string& name,
                               const BlockShape& shape)
    : heads_(shape.heads),
      modulation_(layout, name + ".modulation", shape.width, part_count),
      layers_(layout, name, shape) {}

Tensor ModulatedBlock::forward(Pass& p, Tensor x, Tensor condition, const SequenceGroup& group,
                               const ModulatedRows& rows, Saved& s) const {
  modulation_.forward(p, condition, s.modulation);
  const auto& parts = s.modulation.parts;
  s.normed1 = keep_like(p, x);
  layers_.norm1.forward(p, {.sum = x}, s.normed1, s.norm1);
  s.input1 = keep_like(p, x);
  modulate(p, s.normed1, parts[scale1], parts[shift1], rows, s.input1);
  s.qkv = p.arena.keep(x.dtype, {x.rows(), layers_.qkv.out()});
  layers_.qkv.forward(p, s.input1, s.qkv);
  s.attended = keep_like(p, x);
  s.lse = p.arena.keep(x.dtype, {x.rows(), heads_});
  p.ops.attention_forward({.qkv = s.qkv}, heads_, Groups(&group, 1), s.attended, s.lse);
  s.branch1 = keep_like(p, x);
  layers_.proj.forward(p, s.attended, s.branch1);
  const Tensor h = keep_like(p, x);
  add_gated(p, x, s.branch1, parts[gate1], rows, h);

  s.normed2 = keep_like(p, x);
  layers_.norm2.forward(p, {.sum = h}, s.normed2, s.norm2);
  s.input2 = keep_like(p, x);
  modulate(p, s.normed2, parts[scale2], parts[shift2], rows, s.input2);
  s.pre = p.arena.keep(x.dtype, {x.rows(), layers_.fc1.out()});
  s.branch2 = keep_like(p, x);
  {
    Arena::ScratchScope scope(p.arena);
    const Tensor activated = scratch_like(p, s.pre);
    layers_.fc1.forward_gelu(p, s.input2, s.pre, activated);
    layers_.fc2.forward(p, activated, s.branch2);
  }
  const Tensor y = keep_like(p, x);
  add_gated(p, h, s.branch2, parts[gate2], rows, y);
  return y;
}

void ModulatedBlock::backward(Pass& p, Tensor dx_inout, Tensor dcondition_accum,
                              const SequenceGroup& group, const ModulatedRows& rows,
                              const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  std::vector<Tensor> dparts;
  for (std::size_t i = 0; i < part_count; ++i) dparts.push_back(scratch_like(p, dcondition_accum));
  mlp_backward(p, dx_inout, rows, dparts, s);
  attention_backward(p, dx_inout, group, rows, dparts, s);
  modulation_.backward(p, dparts, dcondition_accum, s.modulation);
}

// y = h + g2 f(m(norm(h))):  dh = dy + (norm)^T (m)^T (f)^T (g2 dy).
void ModulatedBlock::mlp_backward(Pass& p, Tensor dx_inout, const ModulatedRows& rows,
                                  std::vector<Tensor>& dparts, const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const auto& parts = s.modulation.parts;
  const Tensor dbranch = scratch_like(p, dx_inout), dnormed = scratch_like(p, dx_inout);
  gate_backward(p, dx_inout, s.branch2, parts[gate2], rows, dbranch, dparts[gate2]);
  const Tensor dhidden = scratch_like(p, s.pre), activated = scratch_like(p, s.pre);
  layers_.fc2.backward_input_gelu(p, dbranch, s.pre, dhidden, activated);
  layers_.fc2.backward_params(p, dbranch, activated);
  const Tensor dinput = dbranch;  // whose gradient is used up
  layers_.fc1.backward_params(p, dhidden, s.input2);
  layers_.fc1.backward_input(p, dhidden, dinput);
  modulate_backward(p, dinput, s.normed2, parts[scale2], rows, dnormed, dparts[scale2],
                    dparts[shift2]);
  layers_.norm2.backward(p, dnormed, {.dsum_accum = dx_inout}, s.norm2);
}

void ModulatedBlock::attention_backward(Pass& p, Tensor dx_inout, const SequenceGroup& group,
                                        const ModulatedRows& rows, std::vector<Tensor>& dparts,
                                        const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  const auto& parts = s.modulation.parts;
  const Tensor dbranch = scratch_like(p, dx_inout), dattended = scratch_like(p, dx_inout);
  gate_backward(p, dx_inout, s.branch1, parts[gate1], rows, dbranch, dparts[gate1]);
  layers_.proj.backward_params(p, dbranch, s.attended);
  layers_.proj.backward_input(p, dbranch, dattended);
  const Tensor dqkv = scratch_like(p, s.qkv);
  p.ops.attention_backward(dattended, {.qkv = s.qkv}, s.attended, s.lse, heads_, Groups(&group, 1),
                           {.qkv = dqkv});
  const Tensor dinput = dbranch, dnormed = dattended;  // both are used up
  layers_.qkv.backward_params(p, dqkv, s.input1);
  layers_.qkv.backward_input(p, dqkv, dinput);
  modulate_backward(p, dinput, s.normed1, parts[scale1], rows, dnormed, dparts[scale1],
                    dparts[shift1]);
  layers_.norm1.backward(p, dnormed, {.dsum_accum = dx_inout}, s.norm1);
}

}  // namespace ijepa
