#include "ijepa/tasks/classification/classifier.hpp"

#include <algorithm>
#include <numeric>

#include "ijepa/device/host_values.hpp"
#include "ijepa/device/null_ops.hpp"
#include "ijepa/model/device_plan.hpp"
#include "ijepa/tasks/classification/soft_cross_entropy.hpp"

namespace ijepa {
namespace {

Linear make_head(ParamLayout& layout, std::int64_t width, std::int64_t classes) {
  layout.begin_group("head");
  return {layout, "head", {.in = width, .out = classes}};
}

}  // namespace

struct Classifier::Forward {
  Tensor rows;              // (B N) int32, every token
  Tensor image_of_row;      // (B N) int32
  Tensor share, first_row;  // (1): 1 / N; (B) int32: zero
  Tensor pooled, logits;    // (B, D), (B, C) compute type
};

Classifier::Classifier(Device& device, const ClassifierShape& shape, Trained trained,
                       Precision precision, Recompute recompute, std::int64_t most)
    : device_(device),
      shape_(shape),
      trained_(trained),
      recompute_(recompute),
      encoder_(device, shape.pretrained, shape.image,
               trained == Trained::everything ? StoreUse::training : StoreUse::inference,
               precision),
      head_(make_head(head_layout_, shape.pretrained.width, shape.classes)),
      head_store_(device, head_layout_, precision,
                  trained == Trained::nothing ? StoreUse::inference : StoreUse::training),
      arena_(device, measure(most)),
      pixels_(device, pixel_shape(most).bytes()) {}

Tensor Classifier::pixel_shape(std::int64_t count) const {
  return image_tensor(nullptr, encoder_.config(), count);
}

Tensor Classifier::pixel_tensor(std::int64_t count) const {
  return image_tensor(pixels_.data(), encoder_.config(), count);
}

Tensor Classifier::upload_pixels(std::span<const std::uint8_t> pixels) {
  const auto each = pixel_tensor(1).bytes();
  const Tensor t = pixel_tensor(static_cast<std::int64_t>(pixels.size() / each));
  check(t.numel() > 0 && t.bytes() == pixels.size() && t.bytes() <= pixels_.bytes(),
        "A batch of {} bytes was given where images of {} x {} belong.", pixels.size(),
        shape_.image.height, shape_.image.width);
  device_.ops().upload(pixels.data(), t);
  return t;
}

Pass Classifier::head_pass(Ops& ops, Arena& arena, Write write) const {
  return {ops,  arena, head_store_.precision(), head_store_.online(), head_store_.gradients(),
          write};
}

std::size_t Classifier::measure(std::int64_t count) const {
  NullOps nothing;
  Arena arena = Arena::measuring();
  Pass body = encoder_.pass(nothing, arena), head = head_pass(nothing, arena, Write::overwrite);
  const std::vector<std::int64_t> positions(static_cast<std::size_t>(count));
  const Tensor pixels = pixel_shape(count);
  PretrainedEncoder::Saved saved;
  forward(body, head, pixels, {}, Trained::nothing, saved);  // logits() takes other paths
  arena.release(0);
  const auto f = forward(body, head, pixels, {0, 0, positions}, trained_, saved);
  Arena::ScratchScope scope(arena);
  const Tensor dlogits = arena.scratch(body.precision.compute, {count, shape_.classes});
  arena.scratch(body.precision.statistics(), {count, shape_.classes});
  if (trained_ != Trained::nothing) backward(body, head, f, dlogits, saved, {}, {});
  return arena.peak();
}

// The mean over tokens is a sum over equally many rows of each image, times 1 / N.
Classifier::Forward Classifier::forward(Pass& body, Pass& head, Tensor pixels,
                                        const DropPathDraw& draw, Trained trained,
                                        PretrainedEncoder::Saved& saved) const {
  const ImageBatch images{pixels, shape_.normalisation};
  const auto count = images.count(), tokens = encoder_.config().tokens();
  const auto width = encoder_.config().width;
  const DType type = body.precision.statistics(), compute = body.precision.compute;
  const Tensor z = trained == Trained::everything
                       ? encoder_.forward(body, images, draw, recompute_, saved)
                       : encoder_.infer(body, images);
  std::vector<std::int32_t> rows(static_cast<std::size_t>(count * tokens)), owners(rows.size());
  std::iota(rows.begin(), rows.end(), 0);
  for (std::size_t i = 0; i < rows.size(); ++i)
    owners[i] = static_cast<std::int32_t>(static_cast<std::int64_t>(i) / tokens);
  Forward f;
  f.rows = upload_indices(body, rows);
  f.image_of_row = upload_indices(body, owners);
  f.first_row = upload_indices(body, std::vector<std::int32_t>(static_cast<std::size_t>(count)));
  f.share = body.arena.keep(type, {1});
  upload_values(body.ops, std::vector{1 / static_cast<double>(tokens)}, f.share);
  const Tensor sum = body.arena.keep(type, {count, width});
  body.ops.gather_sum_rows(z, f.rows, {}, sum);
  f.pooled = body.arena.keep(compute, {count, width});
  body.ops.add_scaled_rows({}, sum, f.share, f.first_row, f.pooled);
  f.logits = body.arena.keep(compute, {count, shape_.classes});
  head_.forward(head, f.pooled, f.logits);
  return f;
}

// dz_t = dpooled / N for every token t of the image.
void Classifier::backward(Pass& body, Pass& head, const Forward& f, Tensor dlogits,
                          PretrainedEncoder::Saved& saved, const ReadyCallback& head_ready,
                          const ReadyCallback& encoder_ready) const {
  Arena& arena = body.arena;
  Arena::ScratchScope scope(arena);
  head_.backward_params(head, dlogits, f.pooled);
  if (head_ready) head_ready(0);
  if (trained_ != Trained::everything) return;
  const DType compute = body.precision.compute;
  const auto count = f.pooled.rows(), width = f.pooled.cols();
  const Tensor dpooled = arena.scratch(compute, {count, width});
  head_.backward_input(head, dlogits, dpooled);
  const Tensor shared = arena.scratch(body.precision.statistics(), {count, width});
  body.ops.add_scaled_rows({}, dpooled, f.share, f.first_row, shared);
  const Tensor dz = arena.scratch(compute, {f.image_of_row.numel(), width});
  body.ops.gather_rows(shared, f.image_of_row, dz);
  encoder_.backward(body, dz, recompute_, saved, encoder_ready);
}

Matrix<double> Classifier::logits(std::span<const std::uint8_t> pixels) {
  Ops& ops = device_.ops();
  Arena arena(arena_.data(), arena_.bytes());
  Pass body = encoder_.pass(ops, arena), head = head_pass(ops, arena, Write::overwrite);
  PretrainedEncoder::Saved unused;
  const auto f = forward(body, head, upload_pixels(pixels), {}, Trained::nothing, unused);
  const Tensor wide =
      arena.scratch(body.precision.statistics(), {f.logits.rows(), f.logits.cols()});
  ops.copy(f.logits, wide);
  Matrix<double> result(wide.rows(), wide.cols());
  result.values = download_values(ops, wide);
  return result;
}

Classifier::Learned Classifier::learn(const Examples& examples, double scale, Write write,
                                      const ReadyCallback& head_ready,
                                      const ReadyCallback& encoder_ready) {
  check(trained_ != Trained::nothing, "This classifier was made to be asked, not to learn.");
  Ops& ops = device_.ops();
  Arena arena(arena_.data(), arena_.bytes());
  Pass body = encoder_.pass(ops, arena), head = head_pass(ops, arena, write);
  body.write = write;
  PretrainedEncoder::Saved saved;
  const auto f =
      forward(body, head, upload_pixels(examples.pixels), examples.drop_path, trained_, saved);
  Arena::ScratchScope scope(arena);
  const Tensor dlogits = arena.scratch(f.logits.dtype, {f.logits.rows(), f.logits.cols()});
  const Tensor wide =
      arena.scratch(body.precision.statistics(), {f.logits.rows(), f.logits.cols()});
  ops.copy(f.logits, wide);
  Learned learned;
  learned.logits = Matrix<double>(wide.rows(), wide.cols());
  learned.logits.values = download_values(ops, wide);
  auto gradient = learned.logits;
  learned.losses = soft_cross_entropy(gradient.view(), examples.targets, scale);
  upload_values(ops, gradient.values, wide);
  ops.copy(wide, dlogits);
  backward(body, head, f, dlogits, saved, head_ready, encoder_ready);
  return learned;
}

std::vector<RunState> Classifier::state(const std::vector<Role>& roles) {
  std::vector<RunState> states;
  const std::vector<Role> weights{Role::weight};
  states.emplace_back(device_, encoder_.store(), trained_ == Trained::everything ? roles : weights);
  states.emplace_back(device_, head_store_, trained_ == Trained::nothing ? weights : roles);
  return states;
}

}  // namespace ijepa
