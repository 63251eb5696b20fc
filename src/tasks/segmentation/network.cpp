#include "ijepa/tasks/segmentation/network.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "ijepa/device/null_ops.hpp"
#include "ijepa/tasks/segmentation/scores.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t kernel = 3, taps = kernel * kernel;

/// The deviation that the default of PyTorch's convolutions has, over that of every start here.
double init_scale(std::int64_t width) {
  return 1 / std::sqrt(3.0 * static_cast<double>(taps * width)) / 0.02;
}

Param add_weight(ParamLayout& layout, std::int64_t width, std::int64_t classes) {
  layout.begin_group("head");
  return layout.matrix("weight", taps * classes, width, {kernel, kernel, classes, width},
                       init_scale(width));
}

/// visit(score row, token row, tap) for every part of every score; rows count over all images.
template <class Visit>
void for_each_part(std::int64_t images, Grid grid, const Visit& visit) {
  const Grid out = score_grid(grid);
  std::int64_t score = 0;
  for (std::int64_t b = 0; b < images; ++b)
    for (std::int64_t y = 0; y < out.rows; ++y)
      for (std::int64_t x = 0; x < out.cols; ++x, ++score)
        for (std::int64_t tap = 0; tap < taps; ++tap)
          visit(score, (b * grid.rows + y + tap / kernel) * grid.cols + x + tap % kernel, tap);
}

StoreUse use_of(bool trained) {
  return trained ? StoreUse::training : StoreUse::inference;
}

std::unique_ptr<PretrainedEncoder> make_encoder(Device& device, const NetworkShape& shape,
                                                Trained trained) {
  if (shape.tokens != TokenSource::patches)
    return std::make_unique<PretrainedEncoder>(device, shape.encoder, shape.image,
                                               use_of(trained == Trained::everything),
                                               shape.precision);
  check(trained != Trained::everything, "Raw patches have no encoder that could be fine-tuned.");
  return nullptr;
}

std::int64_t width_of(const NetworkShape& shape) {
  const auto& e = shape.encoder;
  return shape.tokens == TokenSource::patches ? 3 * e.patch * e.patch : e.width;
}

}  // namespace

Grid score_grid(Grid tokens) {
  check(tokens.rows >= kernel && tokens.cols >= kernel,
        "A grid of {} x {} patches is too small for the head's 3 x 3 convolution: take larger "
        "images.",
        tokens.rows, tokens.cols);
  return {tokens.rows - kernel + 1, tokens.cols - kernel + 1};
}

SegmentationHead::SegmentationHead(Device& device, std::int64_t width, std::int64_t classes,
                                   StoreUse use, Precision precision)
    : classes_(classes),
      weight_(add_weight(layout_, width, classes)),
      bias_(layout_.vector("bias", classes, Init::zeros)),
      store_(device, layout_, precision, use) {}

// score[y, x] = b + sum over i, j of W[i, j] token[y + i, x + j].
template <class T>
std::vector<T> SegmentationHead::forward(Pass& p, Tensor tokens, Grid grid) const {
  const auto images = tokens.rows() / grid.tokens(), row = taps * classes_;
  const auto classes = static_cast<std::size_t>(classes_);
  Arena::ScratchScope scope(p.arena);
  const Tensor products = p.arena.scratch(p.precision.compute, {tokens.rows(), row});
  p.ops.linear_forward(tokens, p.matrix(weight_), {}, products);
  std::vector<T> host(static_cast<std::size_t>(products.numel())), bias(classes);
  p.ops.download(products, host.data());
  p.ops.download(p.vector(bias_), bias.data());
  p.ops.synchronize();
  std::vector<T> scores(static_cast<std::size_t>(images * score_grid(grid).tokens()) * classes);
  for (std::size_t i = 0; i < scores.size(); ++i) scores[i] = bias[i % classes];
  for_each_part(images, grid, [&](std::int64_t score, std::int64_t token, std::int64_t tap) {
    const T* from = host.data() + token * row + tap * classes_;
    T* to = scores.data() + score * classes_;
    for (std::size_t c = 0; c < classes; ++c) to[c] += from[c];
  });
  return scores;
}

// d product[y + i, x + j][i, j] = d score[y, x]; a token at the edge lacks some of the nine.
template <class T>
void SegmentationHead::backward(Pass& p, const std::vector<T>& dscores, Tensor tokens, Grid grid,
                                Tensor dtokens) const {
  const auto images = tokens.rows() / grid.tokens(), row = taps * classes_;
  Arena::ScratchScope scope(p.arena);
  const Tensor dproducts = p.arena.scratch(p.precision.compute, {tokens.rows(), row});
  std::vector<T> host(static_cast<std::size_t>(dproducts.numel()));
  for_each_part(images, grid, [&](std::int64_t score, std::int64_t token, std::int64_t tap) {
    std::copy_n(dscores.data() + score * classes_, classes_,
                host.data() + token * row + tap * classes_);
  });
  p.ops.upload(host.data(), dproducts);
  p.ops.linear_backward_params(dproducts, tokens, p.gradient(weight_), {}, p.write);
  if (!dtokens.empty()) p.ops.linear_backward_input(dproducts, p.matrix(weight_), dtokens);
  const auto count = images * score_grid(grid).tokens();
  const Tensor dsum = p.arena.scratch(p.precision.compute, {count, classes_});
  p.ops.upload(dscores.data(), dsum);
  p.ops.sum_rows(dsum, {}, p.gradient(bias_), p.write);
  p.ops.synchronize();
}

template std::vector<float> SegmentationHead::forward(Pass&, Tensor, Grid) const;
template std::vector<double> SegmentationHead::forward(Pass&, Tensor, Grid) const;
template void SegmentationHead::backward(Pass&, const std::vector<float>&, Tensor, Grid,
                                         Tensor) const;
template void SegmentationHead::backward(Pass&, const std::vector<double>&, Tensor, Grid,
                                         Tensor) const;

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
