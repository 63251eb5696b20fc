#include "ijepa/tasks/segmentation/model.hpp"

#include "../loop/same_training.hpp"
#include "ijepa/comm/agree.hpp"
#include "ijepa/core/cores.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/network/pretrained.hpp"
#include "ijepa/train/checkpoint/checkpoint_recipe.hpp"

namespace ijepa {
namespace {

constexpr TrainedKind segmentation_kind{
    "segmentation model", "ijepa-segment train wrote, such as best_model_iou", "segmentation"};
const std::vector<Role> weights{Role::weight};
const std::vector<Role> with_moments{Role::weight, Role::adam_m, Role::adam_v};

NetworkShape shape_of(const PretrainRecipe& recipe, const SegmentationInfo& info,
                      const Precision& precision) {
  return {recipe.model.encoder, {recipe.data.mean, recipe.data.std},
          info.image(),         info.labels.count(),
          info.tokens,          precision};
}

/// What is stored in a folder, on every rank.
SegmentationInfo read_info(const std::string& folder, Communicator& comm) {
  const auto text = text_of_trained(segmentation_kind, folder, comm);
  SegmentationInfo info;
  on_all_ranks(comm, [&] {
    read_toml(fields_of(info), text, fmt::format("{} ({})", folder, segmentation_kind.key));
    resolve(info.labels, folder);
  });
  return info;
}

/// The checkpoint of the frozen encoder; an Error unless it is the one of training.
std::string find_encoder(const SegmentationInfo& info, const OpenOptions& options,
                         const std::string& folder, Communicator& comm, const Log& log) {
  const auto found =
      find_recorded_checkpoint(options.run, options.checkpoint, info.checkpoint,
                               "The checkpoint that " + folder + " was trained on", comm, log);
  const auto identity = encoder_identity(found, info.encoder, comm);
  on_rank_0(comm, [&] {
    check(identity == info.identity,
          "{} was trained on another encoder than that of {}: name the checkpoint of its training "
          "by --run or --checkpoint (it was {}).",
          folder, found, info.checkpoint);
  });
  return found;
}

}  // namespace

void describe(SegmentationInfo& info, Fields& fields) {
  fields("checkpoint", info.checkpoint, "pretraining checkpoint it was trained from");
  fields("identity", info.identity, "of the encoder");
  fields.choice("encoder", info.encoder,
                {{"target", EncoderChoice::target}, {"context", EncoderChoice::context}},
                "which of the two");
  fields.choice("tokens", info.tokens,
                {{"encoder", TokenSource::encoder},
                 {"untrained", TokenSource::untrained},
                 {"patches", TokenSource::patches}},
                "what the head sees");
  fields("fine_tuned", info.fine_tuned, "the encoder's weights are here too");
  fields("image_height", info.image_height, at_least(1), "pixels");
  fields("image_width", info.image_width, at_least(1), "pixels");
  fields("seed", info.seed, at_least(0), "of start weights, order and augmentation");
  fields.section("labels", info.labels, "classes and colours");
}

PretrainRecipe recipe_for_task(const std::string& checkpoint, int threads,
                               const std::string& device, Communicator& comm) {
  auto recipe = load_checkpoint_recipe(checkpoint, comm);
  refuse_other_channels(recipe, "ijepa-segment reads images and videos as", checkpoint, comm);
  if (threads > 0) recipe.compute.threads = threads;
  if (device == "cpu") recipe.compute.device = DeviceChoice::cpu;
  if (device == "cuda") recipe.compute.device = DeviceChoice::cuda;
  return recipe;
}

SegmentationModel::SegmentationModel(const PretrainRecipe& recipe, const SegmentationInfo& info,
                                     Trained trained, const Precision& precision,
                                     Communicator& comm, const Log& log)
    : recipe_(recipe),
      info_(info),
      threads_(threads_or_cores(recipe.compute.threads)),
      device_(open_task_device(recipe.compute, 0, comm, log)) {
  on_all_ranks(comm, [&] {
    network_ = std::make_unique<SegmentationNetwork>(*device_, shape_of(recipe, info, precision),
                                                     trained, threads_);
  });
  network_->initialise(static_cast<std::uint64_t>(recipe.run.seed),
                       static_cast<std::uint64_t>(info.seed));
  if (info.tokens == TokenSource::encoder && !(info.fine_tuned && trained == Trained::nothing))
    network_->encoder()->load(path_of_text(info.checkpoint), info.encoder, comm);
}

std::vector<RunState> SegmentationModel::states(const std::vector<Role>& roles) {
  std::vector<RunState> all;
  all.emplace_back(*device_, network_->head().store(), roles);
  if (info_.fine_tuned) all.push_back(network_->encoder()->state(roles));
  return all;
}

void SegmentationModel::save(const std::string& folder, std::int64_t epoch, Communicator& comm) {
  auto parts = states(weights);
  for (auto& part : parts) part.download();
  std::map<std::string, std::string> texts;
  if (network_->encoder() != nullptr)
    texts = texts_of_positions(network_->encoder()->pretrained_positions());
  texts["config"] = recipe_text(recipe_);
  texts[segmentation_kind.key] = to_toml(fields_of(info_));
  save_weights(comm, folder, {epoch, std::move(texts)}, tensors_of(parts));
}

void SegmentationModel::load(const std::string& folder, Communicator& comm) {
  fill(folder, weights, comm);
  if (info_.fine_tuned) network_->encoder()->load_position_table(folder, comm);
}

void SegmentationModel::save_training(const std::string& folder, const CheckpointMeta& meta,
                                      Communicator& comm) {
  auto parts = states(with_moments);
  for (auto& part : parts) part.download();
  CheckpointStore(folder, {.keep_last = 1}).save(comm, meta, tensors_of(parts));
}

std::int64_t SegmentationModel::bytes_kept() const {
  auto learned = network_->head().store().layout().size();
  if (info_.fine_tuned) learned += network_->encoder()->store().layout().size();
  constexpr std::int64_t element = sizeof(float), moments = 2, copies = 3;
  return element * learned * (copies + moments);
}

void SegmentationModel::load_training(const std::string& checkpoint, Communicator& comm) {
  fill(checkpoint, with_moments, comm);
}

void SegmentationModel::fill(const std::string& checkpoint, const std::vector<Role>& roles,
                             Communicator& comm) {
  auto parts = states(roles);
  load_checkpoint(comm, checkpoint, tensors_of(parts));
  parts[0].upload(network_->head().store());
  if (info_.fine_tuned) parts[1].upload(network_->encoder()->store());
}

SegmentationModel open_segmentation(const std::string& named, const OpenOptions& options,
                                    Communicator& comm, const Log& log) {
  const auto folder = find_trained(segmentation_kind, named, comm, log);
  auto info = read_info(folder, comm);
  on_rank_0(comm, [&] {
    check(info.tokens != TokenSource::patches || options.precision == TaskPrecision::float32,
          "{} sees raw patches and has no encoder: leave out --precision.", folder);
  });
  const bool needs_encoder = info.tokens == TokenSource::encoder && !info.fine_tuned;
  if (needs_encoder) info.checkpoint = find_encoder(info, options, folder, comm, log);
  if (options.image != Size{}) {
    info.image_height = options.image.height;
    info.image_width = options.image.width;
  }
  // The folder itself has the recipe of its encoder.
  const auto recipe = recipe_for_task(folder, options.threads, options.device, comm);
  const auto precision = choose_precision(options.precision, recipe.compute, comm, log);
  SegmentationModel model(recipe, info, Trained::nothing, precision, comm, log);
  model.load(folder, comm);
  return model;
}

}  // namespace ijepa
