#include "ijepa/model/encoder.hpp"

#include "ijepa/device/host_values.hpp"

namespace ijepa {
namespace {

constexpr double norm_epsilon = 1e-6;

StackShape stack_shape(const EncoderConfig& c) {
  return {.block = {.width = c.width, .heads = c.heads, .mlp_hidden = c.mlp_hidden},
          .depth = c.depth,
          .rescale_init = c.rescale_init};
}

/// y += scale * the norm of each row of x, without affine part.
void add_normalised(Pass& p, Tensor x, double scale, Tensor y_accum) {
  constexpr double epsilon = 1e-5;
  const std::size_t mark = p.arena.mark();
  const DType type = p.precision.statistics();
  const Tensor normed = p.arena.keep(type, {x.rows(), x.cols()});
  const Tensor mean = p.arena.keep(type, {x.rows()}), rstd = p.arena.keep(type, {x.rows()});
  p.ops.layer_norm_forward({.sum = x}, {}, {}, epsilon, normed, mean, rstd);
  const Tensor factor = p.arena.keep(type, {1});
  const Tensor first = p.arena.keep(DType::i32, {x.rows()});
  upload_values(p.ops, std::span(&scale, 1), factor);
  p.ops.fill_zero(first);
  p.ops.add_scaled_rows(y_accum, normed, factor, first, y_accum);
  p.arena.release(mark);
}

}  // namespace

Tensor image_tensor(void* data, const EncoderConfig& c, std::int64_t images) {
  return make_tensor(data, pixel_type(c.channels),
                     {images, c.image_height, c.image_width, c.channels});
}

Encoder::Encoder(ParamLayout& layout, const EncoderConfig& config,
                 std::span<const double> positions)
    : config_(config),
      patch_embed_(layout, "patch_embed.proj",
                   {.in = config.patch_values(),
                    .out = config.width,
                    .stored = {config.width, config.channels, config.patch, config.patch}}),
      positions_(layout.constant(config.tokens(), config.width, positions)),
      stack_(layout, "blocks", stack_shape(config)),
      norm_(layout, "norm", config.width, norm_epsilon) {}

Tensor Encoder::gather(Pass& p, const ImageBatch& images, Tensor rows, std::int64_t count) const {
  Tensor patches = p.arena.keep(p.precision.compute, {count, config_.patch_values()});
  const PatchGrid grid{config_.grid_rows(), config_.grid_cols(), config_.patch};
  p.ops.gather_patches(images.pixels, grid, images.normalisation, rows, patches);
  return patches;
}

// Embedding commutes with choosing patches, so only the kept ones are embedded.
Tensor Encoder::embed(Pass& p, Tensor patches, Tensor rows) const {
  Tensor x = p.arena.keep(p.precision.residual, {patches.rows(), config_.width});
  patch_embed_.forward_into(p, patches, x);
  p.ops.add_table_rows(x, p.constant(positions_), rows);
  return x;
}

Tensor Encoder::forward(Pass& p, const ImageBatch& images, Tensor rows, const Sequences& sequences,
                        std::vector<BranchScales> scales, Recompute recompute, Saved& s) const {
  s.sequences = {sequences, sequences};
  s.patches = gather(p, images, rows, rows.numel());
  Tensor x = embed(p, s.patches, rows);
  x = stack_.forward(p, x, s.sequences, std::move(scales), recompute, s.stack);
  Tensor z = p.arena.keep(p.precision.compute, {x.rows(), x.cols()});
  norm_.forward(p, {.sum = x}, z, s.norm);
  return z;
}

void Encoder::backward(Pass& p, Tensor dz, Recompute recompute, Saved& s,
                       const ReadyCallback& ready) const {
  Arena::ScratchScope scope(p.arena);
  Tensor dres = p.arena.scratch(p.precision.residual, {dz.rows(), dz.cols()});
  p.ops.fill_zero(dres);
  norm_.backward(p, dz, {.dsum_accum = dres}, s.norm);
  stack_.backward(p, s.sequences, dres, dres, recompute, s.stack, ready);
  Tensor dembedded = dres;
  if (dres.dtype != p.precision.compute) {
    dembedded = p.arena.scratch(p.precision.compute, {dres.rows(), dres.cols()});
    p.ops.copy(dres, dembedded);
  }
  patch_embed_.backward_params(p, dembedded, s.patches);
  if (ready) ready(patch_embed_.first_offset());
}

Tensor Encoder::infer(Pass& p, const ImageBatch& images,
                      const std::function<void(std::int64_t, Tensor)>& after_block) const {
  const std::int64_t rows = images.count() * config_.tokens();
  return infer_into(p, images, {}, p.arena.keep(p.precision.residual, {rows, config_.width}),
                    after_block);
}

Tensor Encoder::infer_rows(Pass& p, const ImageBatch& images, Tensor wanted) const {
  return infer_into(p, images, wanted,
                    p.arena.keep(p.precision.residual, {wanted.numel(), config_.width}), {});
}

Tensor Encoder::infer_into(Pass& p, const ImageBatch& images, Tensor wanted, Tensor result,
                           const std::function<void(std::int64_t, Tensor)>& after_block) const {
  const std::size_t mark = p.arena.mark();
  const SequenceGroup whole{images.count(), config_.tokens()};
  const Sequences all{Groups(&whole, 1), {}};
  Sequences last = all;
  last.wanted = wanted;
  const Tensor patches = gather(p, images, {}, whole.count * whole.length);
  const Tensor x = embed(p, patches, {});
  final_norm(p, stack_.infer(p, x, {all, last}, after_block), result);
  p.arena.release(mark);
  return result;
}

Tensor Encoder::infer_targets(Pass& p, const ImageBatch& images, std::int64_t blocks,
                              const std::function<void(Tensor)>& final) const {
  if (blocks == 1) {
    const Tensor features = infer(p, images);
    if (final) final(features);
    return features;
  }
  const Tensor sum =
      p.arena.keep(p.precision.residual, {images.count() * config_.tokens(), config_.width});
  const std::size_t mark = p.arena.mark();
  p.ops.fill_zero(sum);
  const Tensor features = infer(p, images, [&](std::int64_t block, Tensor x) {
    if (block >= config_.depth - blocks) add_normalised(p, x, 1 / static_cast<double>(blocks), sum);
  });
  if (final) final(features);
  p.arena.release(mark);
  return sum;
}

void Encoder::final_norm(Pass& p, Tensor x, Tensor y) const {
  const std::size_t mark = p.arena.mark();
  LayerNorm::Saved unused;
  norm_.forward(p, {.sum = x}, y, unused);
  p.arena.release(mark);
}

}  // namespace ijepa
