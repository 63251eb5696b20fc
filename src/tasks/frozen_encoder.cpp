#include "ijepa/tasks/frozen_encoder.hpp"

#include <xxhash.h>

#include <algorithm>

#include "ijepa/comm/agree.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/data/augment.hpp"
#include "ijepa/train/checkpoint.hpp"
#include "ijepa/train/checkpoint_recipe.hpp"
#include "ijepa/train/run_start.hpp"
#include "ijepa/train/run_state.hpp"

namespace ijepa {
std::string find_checkpoint(const std::string& run, const std::string& checkpoint,
                            Communicator& comm, const Log& log) {
  on_rank_0(comm, [&] {
    check(run.empty() != checkpoint.empty(),
          "Name either a run folder (--run) or a checkpoint's folder (--checkpoint).");
  });
  if (!checkpoint.empty()) return checkpoint;
  const auto found = CheckpointStore(run, {}).newest_valid(comm, log);
  on_rank_0(comm, [&] { check(found.has_value(), "The run folder {} holds no checkpoint.", run); });
  return *found;
}

PretrainRecipe load_checkpoint_recipe(const std::string& checkpoint, Communicator& comm) {
  const auto meta = load_checkpoint_meta(comm, checkpoint);
  // First on one rank, so that a bad one is complained of once.
  on_rank_0(comm, [&] { recipe_of_checkpoint(meta, checkpoint); });
  return recipe_of_checkpoint(meta, checkpoint);
}

const char* name_of(EncoderChoice choice) {
  return choice == EncoderChoice::target ? "target" : "context";
}

std::string encoder_identity(const std::string& checkpoint, EncoderChoice choice,
                             Communicator& comm) {
  std::string identity;
  on_rank_0(comm, [&] {
    const std::string manifest = read_text_file(checkpoint + "/manifest.json");
    identity =
        fmt::format("{:016x} {}", XXH3_64bits(manifest.data(), manifest.size()), name_of(choice));
  });
  return comm.broadcast_text(identity, 0);
}

FrozenEncoder::FrozenEncoder(const std::string& checkpoint, EncoderChoice choice, int threads,
                             Communicator& comm, const Log& log) {
  auto recipe = load_checkpoint_recipe(checkpoint, comm);
  if (threads > 0) recipe.compute.threads = threads;
  device_ = open_device(recipe, parse_cluster(process_environment()), comm, log);
  model_ = std::make_unique<IJepa>(recipe.model.encoder, recipe.model.predictor);
  store_ = std::make_unique<ParamStore>(*device_, model_->layout(), Precision::float32(),
                                        StoreUse::inference);
  const bool target = choice == EncoderChoice::target;
  RunState state(*device_, *store_, {target ? Role::target : Role::weight});
  auto tensors = state.tensors();
  std::erase_if(tensors, [](const NamedTensor& t) { return t.group == "predictor"; });
  load_checkpoint(comm, checkpoint, tensors, Unused::ignore);
  state.upload(*store_);
  normalisation_ = {recipe.data.mean, recipe.data.std};
  features_ = std::make_unique<EncoderFeatures>("network", *device_, *model_, *store_, choice,
                                                normalisation_);
  identity_ = encoder_identity(checkpoint, choice, comm);
}

Size FrozenEncoder::image_size() const {
  return {static_cast<int>(config().image_height), static_cast<int>(config().image_width)};
}

std::int64_t FrozenEncoder::batch() const {
  return images_at_once(config());
}

std::vector<std::uint8_t> read_pictures(const ImageSource& images, std::int64_t first,
                                        std::int64_t count, Size size, int threads) {
  AugmentConfig config;
  config.crop_height = size.height;
  config.crop_width = size.width;
  std::vector<Augmenter> augmenters;
  for (int t = 0; t < std::max(threads, 1); ++t) augmenters.emplace_back(config);
  const auto bytes = PixelBatch{nullptr, 1, size}.bytes_each();
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
