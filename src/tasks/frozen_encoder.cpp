#include "ijepa/tasks/frozen_encoder.hpp"

namespace ijepa {
namespace {

Size size_of_image(const EncoderConfig& c) {
  return {static_cast<int>(c.image_height), static_cast<int>(c.image_width)};
}

}  // namespace

FrozenEncoder::FrozenEncoder(const std::string& checkpoint, EncoderChoice choice, int threads,
                             Communicator& comm, const Log& log) {
  const auto recipe = load_checkpoint_recipe(checkpoint, comm);
  const auto& config = recipe.model.encoder;
  device_ = open_task_device(recipe.compute, threads, comm, log);
  encoder_ = std::make_unique<PretrainedEncoder>(*device_, config, size_of_image(config),
                                                 StoreUse::inference);
  encoder_->load(checkpoint, choice, comm);
  normalisation_ = {recipe.data.mean, recipe.data.std};
  features_ =
      std::make_unique<EncoderFeatures>("network", *device_, encoder_->network(), normalisation_);
  identity_ = encoder_identity(checkpoint, choice, comm);
}

Size FrozenEncoder::image_size() const {
  return size_of_image(config());
}

TaskViews FrozenEncoder::views(const ImageSource& images, int threads) const {
  return {images, picture_views(image_size(), channels()), 0, threads};
}

}  // namespace ijepa
