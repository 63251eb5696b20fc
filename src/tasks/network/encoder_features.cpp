#include "ijepa/tasks/network/encoder_features.hpp"

#include <algorithm>
#include <vector>

#include "ijepa/device/null_ops.hpp"
#include "ijepa/model/patches_at_once.hpp"

namespace ijepa {

std::int64_t images_at_once(const EncoderConfig& encoder) {
  return std::clamp<std::int64_t>(patches_at_once(encoder) / encoder.tokens(), 1, 256);
}

EncoderFeatures::EncoderFeatures(std::string name, Device& device, const EncoderWeights& network,
                                 const Normalisation& normalisation, std::int64_t layers,
                                 const std::string& identity)
    : name_(std::move(name)),
      identity_(identity.empty() ? identity : fmt::format("{} layers {}", identity, layers)),
      device_(device),
      network_(network),
      normalisation_(normalisation),
      layers_(layers) {
  const auto depth = config().depth;
  check(layers >= 1 && layers <= depth, "Features of {} layers were asked of an encoder of {}.",
        layers, depth);
}

/// Shows `sink` the normed tokens (B N, D) float32 of layers 0 .. layers - 1 of those wanted.
void EncoderFeatures::infer(Ops& ops, Arena& arena, Tensor pixels, const Sink& sink) const {
  Pass pass{ops, arena, network_.precision, network_.weights};
  const auto& encoder = network_.encoder;
  const auto first = config().depth - layers_;
  const auto show = [&](std::int64_t layer, Tensor tokens) {
    Tensor wide = tokens;
    if (tokens.dtype != DType::f32) {
      wide = arena.keep(DType::f32, {tokens.rows(), tokens.cols()});
      ops.copy(tokens, wide);
    }
    sink(layer, wide);
  };
  const auto after_block = [&](std::int64_t block, Tensor x) {
    const auto layer = block - first;
    if (layer < 0 || layer == layers_ - 1) return;  // the last one is the result
    const auto mark = arena.mark();
    Tensor normed = arena.keep(pass.precision.residual, {x.rows(), x.cols()});
    encoder.final_norm(pass, x, normed);
    show(layer, normed);
    arena.release(mark);
  };
  show(layers_ - 1, encoder.infer(pass, {pixels, normalisation_}, after_block));
}

void EncoderFeatures::reserve(std::int64_t count) {
  if (count <= reserved_) return;
  NullOps nothing;
  auto measuring = Arena::measuring();
  infer(nothing, measuring, image_tensor(nullptr, config(), count), [](std::int64_t, Tensor) {});
  arena_ = Buffer(device_, measuring.peak());
  pixels_ = Buffer(device_, image_tensor(nullptr, config(), count).bytes());
  reserved_ = count;
}

void EncoderFeatures::apply(const PixelBatch& batch, MatrixView<float> out) {
  const auto& config = this->config();
  check(batch.size.height == config.image_height && batch.size.width == config.image_width,
        "The encoder takes images of {} x {} pixels, not {} x {}.", config.image_height,
        config.image_width, batch.size.height, batch.size.width);
  check(batch.channels == config.channels, "The encoder takes images of {} channels, not {}.",
        config.channels, batch.channels);
  reserve(batch.count);
  auto& ops = device_.ops();
  const auto pixels = image_tensor(pixels_.data(), config, batch.count);
  ops.upload(batch.pixels, pixels);
  Arena arena(arena_.data(), arena_.bytes());
  infer(ops, arena, pixels,
        [&](std::int64_t layer, Tensor tokens) { pool(ops, tokens, layer * config.width, out); });
}

/// The means of `tokens` (B N, D) go to columns [first_column, first_column + D) of `out`.
void EncoderFeatures::pool(Ops& ops, Tensor tokens, std::int64_t first_column,
                           MatrixView<float> out) {
  tokens_ = Matrix<float>(tokens.rows(), tokens.cols());
  ops.download(tokens, tokens_.values.data());
  ops.synchronize();
  const auto count = config().tokens();
  const auto width = static_cast<std::size_t>(tokens.cols());
  std::vector<double> sum(width);
  for (std::int64_t i = 0; i < out.rows; ++i) {
    std::ranges::fill(sum, 0.0);
    for (std::int64_t t = 0; t < count; ++t)
      std::ranges::transform(sum, tokens_.row(i * count + t), sum.begin(), std::plus<>());
    const auto mean = out.row(i).subspan(static_cast<std::size_t>(first_column), width);
    std::ranges::transform(sum, mean.begin(), [&](double s) {
      return static_cast<float>(s / static_cast<double>(count));
    });
  }
}

}  // namespace ijepa
