#include "ijepa/model/pixel_head.hpp"

#include <numeric>

#include "ijepa/model/device_plan.hpp"

namespace ijepa {
namespace {

constexpr double patch_epsilon = 1e-6;  // of the variance of a patch, as the paper's release

ParamLayout& in_group(ParamLayout& layout) {
  layout.begin_group("pixels");
  return layout;
}

}  // namespace

PixelHead::PixelHead(ParamLayout& layout, const EncoderConfig& encoder,
                     const PredictorConfig& predictor)
    : grid_{encoder.grid_rows(), encoder.grid_cols(), encoder.patch},
      proj_(in_group(layout), "pixel_proj",
            {.in = predictor.width, .out = encoder.patch_values()}) {}

void PixelHead::step(Pass& p, const ImageBatch& images, Tensor normed, Tensor target_rows,
                     double scale, Tensor loss_accum, Tensor dnormed) const {
  const std::int64_t rows = normed.rows();
  std::vector<std::int32_t> numbers(static_cast<std::size_t>(rows));
  std::iota(numbers.begin(), numbers.end(), 0);
  const Tensor in_order = upload_indices(p, numbers);
  Arena::ScratchScope scope(p.arena);
  const auto like = [&](DType type) { return p.arena.scratch(type, {rows, proj_.out()}); };
  const Tensor patches = like(p.precision.residual), guess = like(p.precision.compute),
               dguess = like(p.precision.compute);
  p.ops.gather_patches(images.pixels, grid_, images.normalisation, target_rows, patches);
  proj_.forward(p, normed, guess);
  p.ops.smooth_l1(guess, {patches, in_order, patch_epsilon}, scale, loss_accum, dguess);
  proj_.backward_params(p, dguess, normed);
  proj_.backward_input(p, dguess, dnormed);
}

}  // namespace ijepa
