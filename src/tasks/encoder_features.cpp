#include "ijepa/tasks/encoder_features.hpp"

#include <algorithm>
#include <vector>

#include "ijepa/device/null_ops.hpp"

namespace ijepa {

EncoderFeatures::EncoderFeatures(std::string name, Device& device, const IJepa& model,
                                 const ParamStore& store, EncoderChoice choice,
                                 const Normalisation& normalisation)
    : name_(std::move(name)),
      device_(device),
      model_(model),
      store_(store),
      weights_(choice == EncoderChoice::target ? store.target() : store.online()),
      normalisation_(normalisation) {
  check(store.precision().residual == DType::f32,
        "Features are read as float32, but the network's residual stream is {}.",
        name_of(store.precision().residual));
}

Tensor EncoderFeatures::infer(Ops& ops, Arena& arena, Tensor pixels) const {
  Pass pass{ops, arena, store_.precision(), weights_};
  return model_.encoder().infer(pass, {pixels, normalisation_});
}

void EncoderFeatures::reserve(std::int64_t count) {
  if (count <= reserved_) return;
  const auto& config = model_.encoder().config();
  const auto shape = {count, config.image_height, config.image_width, std::int64_t{3}};
  NullOps nothing;
  auto measuring = Arena::measuring();
  infer(nothing, measuring, make_tensor(nullptr, DType::u8, shape));
  arena_ = Buffer(device_, measuring.peak());
  pixels_ = Buffer(device_, make_tensor(nullptr, DType::u8, shape).bytes());
  reserved_ = count;
}

void EncoderFeatures::apply(const PixelBatch& batch, MatrixView<float> out) {
  const auto& config = model_.encoder().config();
  check(batch.size.height == config.image_height && batch.size.width == config.image_width,
        "The encoder takes images of {} x {} pixels, not {} x {}.", config.image_height,
        config.image_width, batch.size.height, batch.size.width);
  reserve(batch.count);
  auto& ops = device_.ops();
  const auto pixels = make_tensor(pixels_.data(), DType::u8,
                                  {batch.count, config.image_height, config.image_width, 3});
  ops.upload(batch.rgb, pixels);
  Arena arena(arena_.data(), arena_.bytes());
  const auto features = infer(ops, arena, pixels);
  tokens_ = Matrix<float>(features.rows(), features.cols());
  ops.download(features, tokens_.values.data());
  ops.synchronize();

  const auto count = config.tokens();
  std::vector<double> sum(static_cast<std::size_t>(config.width));
  for (std::int64_t i = 0; i < batch.count; ++i) {
    std::ranges::fill(sum, 0.0);
    for (std::int64_t t = 0; t < count; ++t)
      std::ranges::transform(sum, tokens_.row(i * count + t), sum.begin(), std::plus<>());
    std::ranges::transform(sum, out.row(i).begin(), [&](double s) {
      return static_cast<float>(s / static_cast<double>(count));
    });
  }
}

}  // namespace ijepa
