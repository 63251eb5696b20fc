#include "ijepa/tasks/network/pretrained_encoder.hpp"

#include <algorithm>
#include <numeric>

#include "ijepa/model/device_plan.hpp"
#include "ijepa/model/positions.hpp"
#include "ijepa/tasks/network/pretrained.hpp"

namespace ijepa {
namespace {

Encoder make_encoder(ParamLayout& layout, const EncoderConfig& pretrained, Size image) {
  const auto config = encoder_at_size(pretrained, image);
  const Grid from{pretrained.grid_rows(), pretrained.grid_cols()};
  const Grid to{config.grid_rows(), config.grid_cols()};
  auto positions = stored_positions(from, config.width);
  if (from.rows != to.rows || from.cols != to.cols)
    positions = resize_positions(positions, from, config.width, to);
  layout.start_matrices(start_of_matrices(config));
  layout.begin_group("encoder");
  return {layout, config, positions};
}

Size size_of_image(const EncoderConfig& c) {
  return {static_cast<int>(c.image_height), static_cast<int>(c.image_width)};
}

}  // namespace

EncoderConfig encoder_at_size(const EncoderConfig& pretrained, Size image) {
  const auto p = static_cast<int>(pretrained.patch);
  const auto nearest = [p](int side) { return std::max(p, (side + p / 2) / p * p); };
  check(image.width > 0 && image.height > 0 && image.width % p == 0 && image.height % p == 0,
        "An image of {} x {} pixels (width x height) has no whole number of patches of {} pixels; "
        "{} x {} has.",
        image.width, image.height, p, nearest(image.width), nearest(image.height));
  EncoderConfig config = pretrained;
  config.image_height = image.height;
  config.image_width = image.width;
  return config;
}

PretrainedEncoder::PretrainedEncoder(Device& device, const EncoderConfig& pretrained, Size image,
                                     StoreUse use, Precision precision)
    : device_(device),
      encoder_(make_encoder(layout_, pretrained, image)),
      store_(device, layout_, precision, use, EmaTarget::none) {}

void PretrainedEncoder::load(const std::string& checkpoint, EncoderChoice choice,
                             Communicator& comm) {
  if (choice == EncoderChoice::untrained) {
    const auto recipe = load_checkpoint_recipe(checkpoint, comm);
    store_.initialise(static_cast<std::uint64_t>(recipe.run.seed));
    return;
  }
  RunState state(device_, store_, {Role::weight});
  auto tensors = state.tensors();
  const Role role = choice == EncoderChoice::target ? Role::target : Role::weight;
  for (auto& t : tensors) t.group = checkpoint_group(t.group, role);
  load_pretrained(checkpoint, tensors, comm);
  state.upload(store_);
  load_position_table(checkpoint, comm);
}

void PretrainedEncoder::load_position_table(const std::string& checkpoint, Communicator& comm) {
  positions_ = load_positions(checkpoint, comm);
  positions_.predictor.clear();
  if (positions_.fixed()) return;
  const Grid grid{config().grid_rows(), config().grid_cols()};
  set_positions(
      device_.ops(), store_,
      {grid, table_for_grid(positions_.encoder, positions_.grid, config().width, grid), {}});
}

Tensor PretrainedEncoder::forward(Pass& p, const ImageBatch& images, const DropPathDraw& draw,
                                  Recompute recompute, Saved& saved) const {
  const auto& c = config();
  const auto count = static_cast<std::size_t>(images.count());
  const auto tokens = static_cast<std::size_t>(c.tokens());
  std::vector<std::int32_t> all(count * tokens), image(count), image_of_row(all.size());
  std::iota(all.begin(), all.end(), 0);
  std::iota(image.begin(), image.end(), 0);
  for (std::size_t i = 0; i < all.size(); ++i)
    image_of_row[i] = static_cast<std::int32_t>(i / tokens);
  saved.group = {images.count(), c.tokens()};
  auto scales = draw_drop_path(p, c.drop_path, c.depth, StackId::encoder, draw, image);
  const Sequences sequences{Groups(&saved.group, 1), upload_indices(p, image_of_row)};
  return encoder_.forward(p, images, upload_indices(p, all), sequences, std::move(scales),
                          recompute, saved.encoder);
}

void PretrainedEncoder::backward(Pass& p, Tensor dz, Recompute recompute, Saved& saved,
                                 const ReadyCallback& ready) const {
  encoder_.backward(p, dz, recompute, saved.encoder, ready);
}

FrozenEncoder::FrozenEncoder(const std::string& checkpoint, EncoderChoice choice, int threads,
                             Communicator& comm, const Log& log, TaskPrecision precision) {
  const auto recipe = load_checkpoint_recipe(checkpoint, comm);
  const auto& config = recipe.model.encoder;
  device_ = open_task_device(recipe.compute, threads, comm, log);
  encoder_ = std::make_unique<PretrainedEncoder>(
      *device_, config, size_of_image(config), StoreUse::inference,
      choose_precision(precision, recipe.compute, comm, log));
  encoder_->load(checkpoint, choice, comm);
  normalisation_ = {recipe.data.mean, recipe.data.std};
  features_ =
      std::make_unique<EncoderFeatures>("network", *device_, encoder_->network(), normalisation_);
  identity_ = with_precision(encoder_identity(checkpoint, choice, comm), this->precision());
}

Size FrozenEncoder::image_size() const {
  return size_of_image(config());
}

TaskViews FrozenEncoder::views(const Dataset& images, int threads) const {
  return {images, picture_views(image_size(), channels()), 0, threads};
}

}  // namespace ijepa
