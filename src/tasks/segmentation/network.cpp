#include "ijepa/tasks/segmentation/network.hpp"

#include <algorithm>

#include "ijepa/device/null_ops.hpp"
#include "ijepa/tasks/segmentation/scores.hpp"

namespace ijepa {
namespace {

StoreUse use_of(bool trained) {
  return trained ? StoreUse::training : StoreUse::inference;
}

std::unique_ptr<PretrainedEncoder> make_encoder(Device& device, const NetworkShape& shape,
                                                Trained trained) {
  if (shape.tokens != TokenSource::patches)
    return std::make_unique<PretrainedEncoder>(device, shape.encoder, shape.image,
                                               use_of(trained == Trained::everything));
  check(trained != Trained::everything, "Raw patches have no encoder that could be fine-tuned.");
  return nullptr;
}

std::int64_t width_of(const NetworkShape& shape) {
  const auto& e = shape.encoder;
  return shape.tokens == TokenSource::patches ? 3 * e.patch * e.patch : e.width;
}

}  // namespace

SegmentationNetwork::SegmentationNetwork(Device& device, const NetworkShape& shape, Trained trained,
                                         int threads)
    : device_(device),
      shape_(shape),
      trained_(trained),
      threads_(threads),
      encoder_(make_encoder(device, shape, trained)),
      head_(device, width_of(shape), shape.classes, use_of(trained != Trained::nothing)) {
  const auto config = encoder_at_size(shape.encoder, shape.image);
  grid_ = {config.grid_rows(), config.grid_cols()};
  score_grid(grid_);  // complains of one that is too small
}

void SegmentationNetwork::initialise(std::uint64_t encoder_seed, std::uint64_t seed) {
  if (encoder_ != nullptr) encoder_->store().initialise(encoder_seed);
  head_.store().initialise(seed);
}

Tensor SegmentationNetwork::tokens(Ops& ops, Arena& arena, Tensor pixels,
                                   PretrainedEncoder::Saved* saved) const {
  const ImageBatch images{pixels, shape_.normalisation};
  if (encoder_ == nullptr) {
    const Tensor patches =
        arena.keep(DType::f32, {images.count() * grid_.tokens(), width_of(shape_)});
    ops.gather_patches(pixels, {grid_.rows, grid_.cols, shape_.encoder.patch}, shape_.normalisation,
                       {}, patches);
    return patches;
  }
  Pass pass = encoder_->pass(ops, arena);
  if (saved == nullptr) return encoder_->infer(pass, images);
  return encoder_->forward(pass, images, {}, Recompute::none, *saved);
}

std::size_t SegmentationNetwork::measure(std::int64_t images) const {
  NullOps nothing;
  auto arena = Arena::measuring();
  PretrainedEncoder::Saved saved;
  const bool all = trained_ == Trained::everything;
  const Tensor pixels =
      make_tensor(nullptr, DType::u8, {images, shape_.image.height, shape_.image.width, 3});
  const Tensor x = tokens(nothing, arena, pixels, all ? &saved : nullptr);
  Pass pass = head_.pass(nothing, arena);
  const auto scores = head_.forward<float>(pass, x, grid_);
  if (trained_ == Trained::nothing) return arena.peak();
  const Tensor dx = all ? arena.keep(DType::f32, {x.rows(), x.cols()}) : Tensor{};
  head_.backward(pass, scores, x, grid_, dx);
  if (!all) return arena.peak();
  Pass encoder_pass = encoder_->pass(nothing, arena);
  encoder_->backward(encoder_pass, dx, Recompute::none, saved);
  return arena.peak();
}

void SegmentationNetwork::reserve(std::int64_t images) {
  if (images <= reserved_) return;
  arena_ = Buffer(device_, measure(images));
  pixels_ = Buffer(device_,
                   static_cast<std::size_t>(images) * shape_.image.height * shape_.image.width * 3);
  reserved_ = images;
}

Tensor SegmentationNetwork::upload(const PixelBatch& batch) {
  check(batch.size == shape_.image, "The network takes images of {} x {} pixels, not {} x {}.",
        shape_.image.width, shape_.image.height, batch.size.width, batch.size.height);
  reserve(batch.count);
  const Tensor pixels =
      make_tensor(pixels_.data(), DType::u8, {batch.count, batch.size.height, batch.size.width, 3});
  device_.ops().upload(batch.pixels, pixels);
  return pixels;
}

std::vector<float> SegmentationNetwork::infer(const PixelBatch& batch) {
  const Tensor pixels = upload(batch);
  Arena arena(arena_.data(), arena_.bytes());
  Pass pass = head_.pass(device_.ops(), arena);
  return head_.forward<float>(pass, tokens(device_.ops(), arena, pixels, nullptr), grid_);
}

PixelResult SegmentationNetwork::learn(const PixelBatch& batch,
                                       const std::vector<IndexImage>& labels, float scale,
                                       Write write, const ReadyCallback& head_ready,
                                       const ReadyCallback& encoder_ready) {
  const bool all = trained_ == Trained::everything;
  const Tensor pixels = upload(batch);
  Ops& ops = device_.ops();
  Arena arena(arena_.data(), arena_.bytes());
  PretrainedEncoder::Saved saved;
  const Tensor x = tokens(ops, arena, pixels, all ? &saved : nullptr);
  Pass pass = head_.pass(ops, arena);
  pass.write = write;
  const auto scores = head_.forward<float>(pass, x, grid_);
  std::vector<float> dscores(scores.size());
  const auto sum = loss(scores, labels, scale, dscores);
  const Tensor dx = all ? arena.keep(DType::f32, {x.rows(), x.cols()}) : Tensor{};
  head_.backward(pass, dscores, x, grid_, dx);
  if (head_ready) head_ready(0);
  if (!all) return sum;
  Pass body = encoder_->pass(ops, arena);
  body.write = write;
  encoder_->backward(body, dx, Recompute::none, saved, encoder_ready);
  return sum;
}

PixelResult SegmentationNetwork::loss(std::span<const float> scores,
                                      const std::vector<IndexImage>& labels, float scale,
                                      std::span<float> dscores) const {
  PixelResult sum = no_pixels();
  const auto each = scores.size() / labels.size();
  for (std::size_t i = 0; i < labels.size(); ++i)
    add(pixel_loss<float>(scores.subspan(i * each, each), scores_grid(), labels[i], scale,
                          dscores.empty() ? dscores : dscores.subspan(i * each, each), threads_),
        sum);
  return sum;
}

PixelResult SegmentationNetwork::judge(const PixelBatch& batch,
                                       const std::vector<IndexImage>& labels) {
  return loss(infer(batch), labels, 0, {});
}

PixelResult SegmentationNetwork::no_pixels() const {
  PixelResult none;
  none.confusion.resize(static_cast<std::size_t>(shape_.classes * shape_.classes));
  return none;
}

}  // namespace ijepa
