#include "train_state.hpp"

#include <limits>

#include "ijepa/core/json_text.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::json;

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

}  // namespace

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
    fail("The epochs that {} tells of cannot be read: {}", folder, json_reason(e));
  }
}

TrainingIdentity identity_of(const SegmentTrainSettings& s, const SegmentationInfo& info,
                             const std::vector<std::vector<std::int64_t>>& pixels) {
  SegmentationInfo anywhere = info;
  anywhere.checkpoint.clear();  // its identity says which one it is, wherever it lies
  auto text = to_toml(fields_of(anywhere)) +
              fmt::format("batch {}, rate {}, decay {}, scheduler {} after {}, augment {}", s.batch,
                          s.learning_rate, s.weight_decay, s.scheduler,
                          fmt::join(s.scheduler_epochs, " "), s.augment);
  if (!s.exif) text += ", exif ignored";
  if (s.precision == TaskPrecision::bfloat16) text += ", bfloat16";
  std::string images;
  for (const auto& set : pixels) images += fmt::format("{}\n", fmt::join(set, " "));
  return {{"settings", std::move(text)}, {"images", std::move(images)}};
}

}  // namespace ijepa
