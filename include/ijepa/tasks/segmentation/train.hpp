// Training of a segmentation: a head on a frozen encoder, or both, with scores of every epoch, the
// best and last weights, curves and pictures in one folder.
#pragma once
#include <string>
#include <vector>

#include "ijepa/tasks/segmentation/model.hpp"
#include "ijepa/tasks/segmentation/scores.hpp"

namespace ijepa {

struct SegmentTrainSettings {
  std::string run, checkpoint;  // of the pretraining; one of them
  std::string config;           // labels (TOML)
  std::string train_images, train_masks, valid_images, valid_masks;  // folders
  std::string train_list, valid_list;     // files of names; empty: all images with masks
  std::string image_suffix, mask_suffix;  // see PairSource
  std::string out = "outputs/img_seg";
  Size image{448, 448};
  std::int64_t epochs = 10, batch = 4;  // batch: images of a step over all ranks
  double learning_rate = 1e-4, weight_decay = 1e-4;
  bool scheduler = false;
  std::vector<std::int64_t> scheduler_epochs{30};  // after each the rate is a tenth
  EncoderChoice encoder = EncoderChoice::target;
  TokenSource tokens = TokenSource::encoder;
  TaskPrecision precision = TaskPrecision::float32;  // of a frozen encoder
  bool fine_tune = false, augment = true;
  bool exif = true;  // images are turned upright as their EXIF orientation says
  std::int64_t seed = 42;
  int threads = 0;     // a rank; 0: as the pretraining was configured
  std::string device;  // "cpu", "cuda"; empty: as the pretraining was configured
};

/// Figures of one pass over a set of pairs.
struct EpochScores {
  double loss = 0;
  SegmentationScores scores;
  ScoreSum::Compat compat;
};

struct SegmentEpoch {
  double learning_rate = 0, seconds = 0;
  EpochScores train, valid;  // train: before each step's update
};

struct SegmentTrainResult {
  std::vector<SegmentEpoch> epochs;
  std::int64_t best_loss = 0, best_iou = 0;  // indices of epochs
};

/// Trains and writes best_model_loss, best_model_iou and last_model (folders of weights),
/// epochs.csv, class_iou.csv, loss.png, accuracy.png, miou.png and validation/epoch_NNNN.png. What
/// was interrupted goes on after its last whole epoch, with the same result, and a finished
/// training where more epochs are asked for. Equal settings give equal results on any number of
/// ranks but for the order of sums. An Error, before anything is trained, for data that cannot work
/// or a folder that holds another training. Collective.
SegmentTrainResult train_segmentation(const SegmentTrainSettings& settings, Communicator& comm,
                                      const Log& log);

/// The rate of an epoch, counted from 0.
double segment_learning_rate(const SegmentTrainSettings& settings, std::int64_t epoch);

}  // namespace ijepa
