#include "ijepa/model/predictor.hpp"

namespace ijepa {
namespace {

constexpr double norm_epsilon = 1e-6;

StackShape stack_shape(const PredictorConfig& c, const EncoderConfig& encoder) {
  return {.block = {.width = c.width, .heads = encoder.heads, .mlp_hidden = c.mlp_hidden},
          .depth = c.depth,
          .rescale_init = encoder.rescale_init};
}

}  // namespace

Predictor::Predictor(ParamLayout& layout, const PredictorConfig& config,
                     const EncoderConfig& encoder, std::span<const double> positions)
    : config_(config),
      embed_(layout, "predictor_embed", {.in = encoder.width, .out = config.width}),
      mask_token_(layout.token("mask_token", config.width)),
      positions_(layout.constant(encoder.tokens(), config.width, positions)),
      stack_(layout, "predictor_blocks", stack_shape(config, encoder)),
      norm_(layout, "predictor_norm", config.width, norm_epsilon),
      proj_(layout, "predictor_proj", {.in = config.width, .out = encoder.width}) {}

// The different rows: context tokens, which all K target sequences use, and mask tokens.
Tensor Predictor::assemble(Pass& p, Tensor context, const DevicePlan& rows) const {
  Tensor x = p.arena.keep(p.precision.residual, {rows.different_rows.numel(), config_.width});
  Arena::ScratchScope scope(p.arena);
  Tensor placed = p.arena.scratch(p.precision.residual, {context.rows(), config_.width});
  embed_.forward_into(p, context, placed);
  p.ops.add_table_rows(placed, p.constant(positions_), rows.context_rows);
  p.ops.gather_rows_or_token(placed, p.vector(mask_token_), p.constant(positions_),
                             rows.different_rows, x);
  return x;
}

Tensor Predictor::forward(Pass& p, Tensor context, const TokenPlan& plan, const DevicePlan& rows,
                          std::vector<BranchScales> scales, Recompute recompute, Saved& s) const {
  s.context = context;
  s.sequences = {{plan.predictor_groups, rows.predictor_sequence_of_row},
                 {plan.mask_groups, rows.mask_sequence_of_row, rows.mask_rows},
                 {rows.source, rows.source_uses, rows.source_begin}};
  const Tensor x = assemble(p, context, rows);
  const Tensor masked = stack_.forward(p, x, s.sequences, std::move(scales), recompute, s.stack);
  const std::int64_t outputs = masked.rows();
  s.normed = p.arena.keep(p.precision.compute, {outputs, config_.width});
  norm_.forward(p, {.sum = masked}, s.normed, s.norm);
  Tensor prediction = p.arena.keep(p.precision.compute, {outputs, proj_.out()});
  proj_.forward(p, s.normed, prediction);
  return prediction;
}

// d loss / d output of the stack (Tt, P). Lives in the caller's scope.
Tensor Predictor::stack_gradient(Pass& p, Tensor dprediction, Tensor dnormed_of_others,
                                 const Saved& s) const {
  const Tensor dmasked = p.arena.scratch(p.precision.residual, {dprediction.rows(), config_.width});
  Arena::ScratchScope scope(p.arena);
  const Tensor dnormed = p.arena.scratch(p.precision.compute, {dprediction.rows(), config_.width});
  proj_.backward_params(p, dprediction, s.normed);
  proj_.backward_input(p, dprediction, dnormed);
  if (!dnormed_of_others.empty()) p.ops.add(dnormed, dnormed_of_others, dnormed);
  p.ops.fill_zero(dmasked);
  norm_.backward(p, dnormed, {.dsum_accum = dmasked}, s.norm);
  return dmasked;
}

void Predictor::backward(Pass& p, Tensor dprediction, Tensor dnormed, const DevicePlan& rows,
                         Tensor dcontext, Recompute recompute, Saved& s,
                         const ReadyCallback& ready) const {
  Arena::ScratchScope scope(p.arena);
  const std::int64_t contexts = dcontext.rows(), different = rows.different_rows.numel();
  const Tensor dx = p.arena.scratch(p.precision.residual, {different, config_.width});
  const Tensor dmasked = stack_gradient(p, dprediction, dnormed, s);
  if (ready) ready(norm_.first_offset());
  stack_.backward(p, s.sequences, dmasked, dx, recompute, s.stack, ready);
  p.ops.sum_rows(rows_from(dx, contexts), {}, p.gradient(mask_token_), p.write);
  Tensor dembedded = first_rows(dx, contexts);
  if (dx.dtype != p.precision.compute) {
    dembedded = p.arena.scratch(p.precision.compute, {contexts, config_.width});
    p.ops.copy(first_rows(dx, contexts), dembedded);
  }
  embed_.backward_params(p, dembedded, s.context);
  embed_.backward_input(p, dembedded, dcontext);
  if (ready) ready(embed_.first_offset());
}

}  // namespace ijepa
