#include "ijepa/tasks/frozen_encoder.hpp"

#include <algorithm>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/data/augment.hpp"
#include "ijepa/tasks/pretrained_parts.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"
#include "ijepa/train/run/run_start.hpp"

namespace ijepa {

FrozenEncoder::FrozenEncoder(const std::string& checkpoint, EncoderChoice choice, int threads,
                             Communicator& comm, const Log& log) {
  auto recipe = load_checkpoint_recipe(checkpoint, comm);
  if (threads > 0) recipe.compute.threads = threads;
  device_ = open_device(recipe, parse_cluster(process_environment()), comm, log);
  model_ = std::make_unique<IJepa>(recipe.model.encoder, recipe.model.predictor);
  store_ = std::make_unique<ParamStore>(*device_, model_->layout(), Precision::float32(),
                                        StoreUse::inference);
  if (choice == EncoderChoice::untrained)
    store_->initialise(static_cast<std::uint64_t>(recipe.run.seed));
  else
    load(checkpoint, choice, comm);
  normalisation_ = {recipe.data.mean, recipe.data.std};
  features_ = std::make_unique<EncoderFeatures>("network", *device_, *model_, *store_, choice,
                                                normalisation_);
  identity_ = encoder_identity(checkpoint, choice, comm);
}

void FrozenEncoder::load(const std::string& checkpoint, EncoderChoice choice, Communicator& comm) {
  const bool target = choice == EncoderChoice::target;
  RunState state(*device_, *store_, {target ? Role::target : Role::weight});
  auto tensors = state.tensors();
  std::erase_if(tensors, [](const NamedTensor& t) { return t.group == "predictor"; });
  load_pretrained(checkpoint, tensors, comm);
  state.upload(*store_);
  auto positions = load_positions(checkpoint, comm);
  positions.predictor.clear();  // of a predictor that need not be the model's
  set_positions(device_->ops(), *store_, positions);
}

Size FrozenEncoder::image_size() const {
  return {static_cast<int>(config().image_height), static_cast<int>(config().image_width)};
}

std::int64_t FrozenEncoder::batch() const {
  return images_at_once(config());
}

std::vector<std::uint8_t> read_pictures(const ImageSource& images, std::int64_t first,
                                        std::int64_t count, Size size, int threads, int channels) {
  AugmentConfig config;
  config.crop_height = size.height;
  config.crop_width = size.width;
  config.channels = channels;
  std::vector<Augmenter> augmenters;
  for (int t = 0; t < std::max(threads, 1); ++t) augmenters.emplace_back(config);
  const auto bytes = PixelBatch{nullptr, 1, size, channels}.bytes_each();
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(count * bytes));
  parallel_for(static_cast<std::size_t>(count), threads, [&](std::size_t i, int thread) {
    const auto image = first + static_cast<std::int64_t>(i);
    try {
      std::vector<std::uint8_t> encoded;
      images.read(image, encoded);
      augmenters[static_cast<std::size_t>(thread)].evaluate(
          encoded, pixels.data() + static_cast<std::int64_t>(i) * bytes);
    } catch (const Error& e) {
      fail("The image {} cannot be read: {}", images.key(image), e.what());
    }
  });
  return pixels;
}

}  // namespace ijepa
