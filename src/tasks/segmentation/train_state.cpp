#include "train_state.hpp"

#include <filesystem>
#include <limits>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/json_text.hpp"
#include "ijepa/train/checkpoint.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::json;

std::string folder_of(const std::string& out) {
  return out + "/training";
}

/// JSON has no NaN, which the IoU of an absent class is.
double number(const Json& j) {
  return j.is_null() ? std::numeric_limits<double>::quiet_NaN() : j.get<double>();
}

Json as_json(const EpochScores& s) {
  return {{"loss", s.loss},
          {"pixel_accuracy", s.scores.pixel_accuracy},
          {"mean_iou", s.scores.mean_iou},
          {"absent", s.scores.absent},
          {"iou", s.scores.iou},
          {"compat", {s.compat.loss, s.compat.pixel_accuracy, s.compat.mean_iou}}};
}

EpochScores scores_of(const Json& j) {
  EpochScores s;
  s.loss = number(j.at("loss"));
  s.scores.pixel_accuracy = number(j.at("pixel_accuracy"));
  s.scores.mean_iou = number(j.at("mean_iou"));
  s.scores.absent = j.at("absent");
  for (const Json& iou : j.at("iou")) s.scores.iou.push_back(number(iou));
  const Json& compat = j.at("compat");
  s.compat = {number(compat.at(0)), number(compat.at(1)), number(compat.at(2))};
  return s;
}

std::string text_of(const std::vector<SegmentEpoch>& epochs) {
  Json all = Json::array();
  for (const SegmentEpoch& e : epochs)
    all.push_back({{"learning_rate", e.learning_rate},
                   {"seconds", e.seconds},
                   {"train", as_json(e.train)},
                   {"valid", as_json(e.valid)}});
  return all.dump();
}

std::vector<SegmentEpoch> epochs_of(const std::string& text, const std::string& folder) {
  try {
    std::vector<SegmentEpoch> epochs;
    for (const Json& j : parse_json(text, folder + " tells of epochs in damaged words"))
      epochs.push_back({number(j.at("learning_rate")), number(j.at("seconds")),
                        scores_of(j.at("train")), scores_of(j.at("valid"))});
    return epochs;
  } catch (const Json::exception& e) {
    fail("The epochs that {} tells of cannot be read: {}", folder, e.what());
  }
}

}  // namespace

TrainingIdentity identity_of(const SegmentTrainSettings& s, const SegmentationInfo& info,
                             const std::vector<std::vector<std::int64_t>>& pixels) {
  SegmentationInfo anywhere = info;
  anywhere.checkpoint.clear();  // its identity says which one it is, wherever it lies
  TrainingIdentity identity;
  identity.settings = to_toml(fields_of(anywhere)) +
                      fmt::format("batch {}, rate {}, decay {}, scheduler {} after {}, augment {}",
                                  s.batch, s.learning_rate, s.weight_decay, s.scheduler,
                                  fmt::join(s.scheduler_epochs, " "), s.augment);
  if (!s.exif) identity.settings += ", exif ignored";
  for (const auto& set : pixels) identity.images += fmt::format("{}\n", fmt::join(set, " "));
  return identity;
}

void keep_training(const std::string& out, SegmentationModel& model,
                   const TrainingIdentity& identity, const std::vector<SegmentEpoch>& epochs,
                   Communicator& comm) {
  model.save_training(
      folder_of(out),
      {std::ssize(epochs),
       {{"settings", identity.settings}, {"images", identity.images}, {"epochs", text_of(epochs)}}},
      comm);
}

std::vector<SegmentEpoch> resume_training(const std::string& out, SegmentationModel& model,
                                          const TrainingIdentity& identity, Communicator& comm,
                                          const Log& log) {
  const auto newest = CheckpointStore(folder_of(out), {}).newest_valid(comm, log);
  if (!newest) {
    on_rank_0(comm, [&] {
      check(!std::filesystem::exists(out + "/epochs.csv"),
            "The folder {} holds the results of a training that cannot go on: choose another by "
            "--out-dir.",
            out);
    });
    return {};
  }
  const CheckpointMeta meta = load_checkpoint_meta(comm, *newest);
  std::vector<SegmentEpoch> epochs;
  on_all_ranks(comm, [&] {
    for (const auto& [key, mine] :
         {std::pair("settings", identity.settings), std::pair("images", identity.images)})
      check(meta.text.at(key) == mine,
            "The folder {} holds a training with other {}: choose another by --out-dir.", out, key);
    epochs = epochs_of(meta.text.at("epochs"), *newest);
  });
  model.load_training(*newest, comm);
  log.info("Going on after epoch {}", epochs.size());
  return epochs;
}

}  // namespace ijepa
