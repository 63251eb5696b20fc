#include "ijepa/model/block_decoder.hpp"

#include <cmath>

#include "ijepa/model/positions.hpp"
#include "ijepa/nn/like.hpp"

namespace ijepa {
namespace {

constexpr double norm_epsilon = 1e-6;

enum Part : std::size_t { shift, scale, part_count };

const BlockDecoderConfig& checked(const BlockDecoderConfig& c) {
  check(c.width >= 4 && c.width % 4 == 0 && c.heads >= 1 && c.width % c.heads == 0,
        "A decoder of width {} with {} heads cannot be: the width must be a multiple of 4 and of "
        "the heads.",
        c.width, c.heads);
  check(c.depth >= 1 && c.mlp_hidden >= 1 && c.patch >= 1 && c.condition >= 1 && c.crop.rows >= 1 &&
            c.crop.cols >= 1,
        "A decoder needs blocks, patches and a condition.");
  return c;
}

ParamLayout& begun(ParamLayout& layout) {
  layout.begin_group("decoder");
  return layout;
}

std::vector<ModulatedBlock> make_blocks(ParamLayout& layout, const BlockDecoderConfig& c) {
  std::vector<ModulatedBlock> blocks;
  for (std::int64_t i = 0; i < c.depth; ++i)
    blocks.emplace_back(layout, fmt::format("blocks.{}", i),
                        BlockShape{c.width, c.heads, c.mlp_hidden});
  return blocks;
}

}  // namespace

std::vector<double> features_of_time(double t) {
  constexpr std::int64_t half = time_features / 2;
  std::vector<double> out;
  for (const bool sine : {true, false})
    for (std::int64_t i = 0; i < half; ++i) {
      const double angle =
          t * 1000 * std::pow(1e4, -static_cast<double>(i) / static_cast<double>(half - 1));
      out.push_back(sine ? std::sin(angle) : std::cos(angle));
    }
  return out;
}

BlockDecoder::BlockDecoder(ParamLayout& layout, const BlockDecoderConfig& config)
    : config_(checked(config)),
      time_in_(begun(layout), "time_in", {.in = time_features, .out = config.width}),
      time_out_(layout, "time_out", {.in = config.width, .out = config.width}),
      condition_(layout, "condition", {.in = config.condition + 1, .out = config.width}),
      patch_embed_(layout, "patch_embed", {.in = config.patch_size(), .out = config.width}),
      positions_(layout.constant(config.tokens(), config.width,
                                 stored_positions(config.crop, config.width))),
      blocks_(make_blocks(layout, config)),
      norm_(layout, "norm", config.width, norm_epsilon),
      modulation_(layout, "modulation", config.width, part_count),
      proj_(layout, "proj", {.in = config.width, .out = config.patch_size(), .init_scale = 0}) {}

// gelu(time_out(gelu(time_in(time))) + condition(s)): what all norms and gates are told.
Tensor BlockDecoder::modulator(Pass& p, Saved& s) const {
  const auto keep = [&] { return p.arena.keep(s.z.dtype, {s.time.rows(), config_.width}); };
  s.time_pre = keep();
  s.time_hidden = keep();
  time_in_.forward_gelu(p, s.time, s.time_pre, s.time_hidden);
  s.pre = keep();
  s.modulator = keep();
  Arena::ScratchScope scope(p.arena);
  const Tensor told = scratch_like(p, s.pre);
  time_out_.forward(p, s.time_hidden, s.pre);
  condition_.forward(p, s.condition, told);
  p.ops.add(s.pre, told, s.pre);
  p.ops.gelu_forward(s.pre, s.modulator);
  return s.modulator;
}

void BlockDecoder::modulator_backward(Pass& p, Tensor dmodulator, const Saved& s) const {
  Arena::ScratchScope scope(p.arena);
  p.ops.gelu_backward(s.pre, dmodulator);
  condition_.backward_params(p, dmodulator, s.condition);
  time_out_.backward_params(p, dmodulator, s.time_hidden);
  const Tensor dhidden = scratch_like(p, dmodulator);
  time_out_.backward_input(p, dmodulator, dhidden);
  p.ops.gelu_backward(s.time_pre, dhidden);
  time_in_.backward_params(p, dhidden, s.time);
}

Tensor BlockDecoder::forward(Pass& p, Tensor z, Tensor time, Tensor condition, Saved& s) const {
  s.z = z;
  s.time = time;
  s.condition = condition;
  s.group = {time.rows(), config_.tokens()};
  s.rows = upload_modulated_rows(p, s.group.count, s.group.length, config_.width);
  const Tensor told = modulator(p, s);
  Tensor x = p.arena.keep(z.dtype, {z.rows(), config_.width});
  patch_embed_.forward(p, z, x);
  p.ops.add_table_rows(x, p.constant(positions_), {});
  s.blocks.assign(blocks_.size(), {});
  for (std::size_t i = 0; i < blocks_.size(); ++i)
    x = blocks_[i].forward(p, x, told, s.group, s.rows, s.blocks[i]);
  s.normed = keep_like(p, x);
  norm_.forward(p, {.sum = x}, s.normed, s.norm);
  modulation_.forward(p, told, s.modulation);
  s.last = keep_like(p, x);
  modulate(p, s.normed, s.modulation.parts[scale], s.modulation.parts[shift], s.rows, s.last);
  const Tensor prediction = keep_like(p, z);
  proj_.forward(p, s.last, prediction);
  return prediction;
}

void BlockDecoder::backward(Pass& p, Tensor dprediction, const Saved& s,
                            const ReadyCallback& ready) const {
  Arena::ScratchScope scope(p.arena);
  const auto done = [&](std::int64_t offset) {
    if (ready) ready(offset);
  };
  const Tensor dmodulator = scratch_like(p, s.modulator), dx = scratch_like(p, s.normed);
  p.ops.fill_zero(dmodulator);
  p.ops.fill_zero(dx);
  proj_.backward_params(p, dprediction, s.last);
  {
    Arena::ScratchScope inner(p.arena);
    const Tensor dlast = scratch_like(p, dx), dnormed = scratch_like(p, dx);
    const std::vector<Tensor> dparts{scratch_like(p, dmodulator), scratch_like(p, dmodulator)};
    proj_.backward_input(p, dprediction, dlast);
    modulate_backward(p, dlast, s.normed, s.modulation.parts[scale], s.rows, dnormed, dparts[scale],
                      dparts[shift]);
    modulation_.backward(p, dparts, dmodulator, s.modulation);
    norm_.backward(p, dnormed, {.dsum_accum = dx}, s.norm);
  }
  done(norm_.first_offset());
  for (std::size_t i = blocks_.size(); i-- > 0;) {
    blocks_[i].backward(p, dx, dmodulator, s.group, s.rows, s.blocks[i]);
    done(blocks_[i].first_offset());
  }
  patch_embed_.backward_params(p, dx, s.z);
  done(patch_embed_.first_offset());
  modulator_backward(p, dmodulator, s);
  done(time_in_.first_offset());
}

}  // namespace ijepa
