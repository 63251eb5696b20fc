#include "ijepa/tasks/segmentation/network.hpp"

#include <algorithm>

#include "ijepa/device/null_ops.hpp"
#include "ijepa/tasks/segmentation/scores.hpp"

namespace ijepa {
namespace {

StoreUse use_of(bool trained) {
  return trained ? StoreUse::training : StoreUse::inference;
}

std::unique_ptr<TrainableEncoder> make_encoder(Device& device, const NetworkShape& shape,
                                               Training training) {
  if (shape.tokens != TokenSource::patches)
    return std::make_unique<TrainableEncoder>(device, shape.encoder, shape.image,
                                              use_of(training == Training::all));
  check(training != Training::all, "Raw patches have no encoder that could be fine-tuned.");
  return nullptr;
}

std::int64_t width_of(const NetworkShape& shape) {
  const auto& e = shape.encoder;
  return shape.tokens == TokenSource::patches ? 3 * e.patch * e.patch : e.width;
}

ParamRange whole(const ParamStore& store) {
  return {0, store.layout().size()};
}

}  // namespace

SegmentationNetwork::SegmentationNetwork(Device& device, const NetworkShape& shape,
                                         Training training, int threads)
    : device_(device),
      shape_(shape),
      training_(training),
      threads_(threads),
      encoder_(make_encoder(device, shape, training)),
      head_(device, width_of(shape), shape.classes, use_of(training != Training::none)) {
  const auto config = encoder_at_size(shape.encoder, shape.image);
  grid_ = {config.grid_rows(), config.grid_cols()};
  score_grid(grid_);  // complains of one that is too small
}

void SegmentationNetwork::initialise(std::uint64_t encoder_seed, std::uint64_t seed) {
  if (encoder_ != nullptr) encoder_->store().initialise(encoder_seed);
  head_.store().initialise(seed);
}

Tensor SegmentationNetwork::tokens(Ops& ops, Arena& arena, Tensor pixels,
                                   TrainableEncoder::Saved* saved) const {
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
  TrainableEncoder::Saved saved;
  const bool all = training_ == Training::all;
  const Tensor pixels =
      make_tensor(nullptr, DType::u8, {images, shape_.image.height, shape_.image.width, 3});
  const Tensor x = tokens(nothing, arena, pixels, all ? &saved : nullptr);
  Pass pass = head_.pass(nothing, arena);
  const auto scores = head_.forward<float>(pass, x, grid_);
  if (training_ == Training::none) return arena.peak();
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

void SegmentationNetwork::connect(Communicator& comm) {
  reducer_ = make_bucket_reducer(comm, device_);
  const auto sync = [&](ParamStore& store) {
    return std::make_unique<GradSync>(*reducer_, store.gradient(whole(store)));
  };
  head_sync_ = sync(head_.store());
  if (training_ == Training::all) encoder_sync_ = sync(encoder_->store());
}

PixelResult SegmentationNetwork::step(const PixelBatch& batch,
                                      const std::vector<IndexImage>& labels, float scale) {
  PixelResult sum;
  sum.confusion.resize(static_cast<std::size_t>(shape_.classes * shape_.classes));
  if (batch.count == 0) {
    device_.ops().fill_zero(head_.store().gradient(whole(head_.store())));
    if (encoder_sync_)
      device_.ops().fill_zero(encoder_->store().gradient(whole(encoder_->store())));
  } else {
    const Tensor pixels = upload(batch);
    Arena arena(arena_.data(), arena_.bytes());
    TrainableEncoder::Saved saved;
    const Tensor x =
        tokens(device_.ops(), arena, pixels, training_ == Training::all ? &saved : nullptr);
    Pass pass = head_.pass(device_.ops(), arena);
    const auto scores = head_.forward<float>(pass, x, grid_);
    std::vector<float> dscores(scores.size());
    const auto each = scores.size() / static_cast<std::size_t>(batch.count);
    for (std::size_t i = 0; i < labels.size(); ++i)
      add(pixel_loss<float>(std::span(scores).subspan(i * each, each), scores_grid(), labels[i],
                            scale, std::span(dscores).subspan(i * each, each), threads_),
          sum);
    backward(arena, dscores, x, saved);
  }
  head_sync_->finish();
  if (encoder_sync_) encoder_sync_->finish();
  device_.ops().synchronize();
  reducer_->settle();
  return sum;
}

void SegmentationNetwork::backward(Arena& arena, const std::vector<float>& dscores, Tensor tokens,
                                   TrainableEncoder::Saved& saved) {
  Pass pass = head_.pass(device_.ops(), arena);
  const bool all = training_ == Training::all;
  const Tensor dx = all ? arena.keep(DType::f32, {tokens.rows(), tokens.cols()}) : Tensor{};
  head_.backward(pass, dscores, tokens, grid_, dx);
  head_sync_->ready_down_to(0);  // first, as on a rank without images: sums have one order
  if (!all) return;
  Pass encoder_pass = encoder_->pass(device_.ops(), arena);
  encoder_->backward(encoder_pass, dx, Recompute::none, saved,
                     [this](std::int64_t offset) { encoder_sync_->ready_down_to(offset); });
  device_.ops().synchronize();
}

void SegmentationNetwork::update(const AdamWStep& step) {
  const auto apply = [&](ParamStore& store) {
    device_.ops().adamw_ema(store.optimizer_range(whole(store)), step);
  };
  apply(head_.store());
  if (training_ == Training::all) apply(encoder_->store());
}

}  // namespace ijepa
