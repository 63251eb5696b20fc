// Segmentation model: a trained network as a folder of weights that says all about itself: classes,
// image size, normalisation, and which encoder it belongs to.
#pragma once
#include <memory>
#include <string>

#include "ijepa/tasks/segmentation/labels.hpp"
#include "ijepa/tasks/segmentation/network.hpp"
#include "ijepa/train/checkpoint/checkpoint.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// What is stored beside the tensors, as TOML.
struct SegmentationInfo {
  std::string checkpoint;  // folder of the pretraining checkpoint it was trained from
  std::string identity;    // encoder_identity() of it
  EncoderChoice encoder = EncoderChoice::target;
  TokenSource tokens = TokenSource::encoder;
  bool fine_tuned = false;  // then the encoder's weights are here too
  std::int64_t image_height = 448, image_width = 448;
  std::int64_t seed = 0;
  Labels labels;

  Size image() const { return {static_cast<int>(image_height), static_cast<int>(image_width)}; }
};
void describe(SegmentationInfo& info, Fields& fields);

class SegmentationModel {
 public:
  /// An untrained head on the encoder of `info.checkpoint`. `recipe` is that of the checkpoint;
  /// `precision` of an encoder that is not trained. Collective.
  SegmentationModel(const PretrainRecipe& recipe, const SegmentationInfo& info, Trained trained,
                    const Precision& precision, Communicator& comm, const Log& log);

  const SegmentationInfo& info() const { return info_; }
  SegmentationNetwork& network() { return *network_; }
  Device& device() { return *device_; }
  int threads() const { return threads_; }

  /// Writes the folder, in place of one that is there. Collective.
  void save(const std::string& folder, std::int64_t epoch, Communicator& comm);
  /// Fills the head, and a fine-tuned encoder, from save()'s folder. Collective.
  void load(const std::string& folder, Communicator& comm);

  /// The same with the optimizer's moments: FOLDER/checkpoints/step_EPOCH, in place of the one
  /// before. Collective.
  void save_training(const std::string& folder, const CheckpointMeta& meta, Communicator& comm);
  /// On disk, of a training: its newest checkpoint, and the newest and the best weights.
  std::int64_t bytes_kept() const;
  /// From one of those checkpoints. Collective.
  void load_training(const std::string& checkpoint, Communicator& comm);

 private:
  std::vector<RunState> states(const std::vector<Role>& roles);
  void fill(const std::string& checkpoint, const std::vector<Role>& roles, Communicator& comm);

  PretrainRecipe recipe_;
  SegmentationInfo info_;
  int threads_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<SegmentationNetwork> network_;
};

struct OpenOptions {
  std::string run, checkpoint;  // of a frozen encoder; both empty: where it was at training
  Size image;                   // 0 x 0: as trained
  int threads = 0;              // a rank; 0: as the pretraining was configured
  std::string device;           // "cpu", "cuda"; empty: as the pretraining was configured
  TaskPrecision precision = TaskPrecision::float32;  // of the encoder
};

/// The recipe of a checkpoint with these compute settings in it. Collective.
PretrainRecipe recipe_for_task(const std::string& checkpoint, int threads,
                               const std::string& device, Communicator& comm);

/// A trained model, ready for inference. An Error when the folder holds none, or the encoder is not
/// the one it was trained on. Collective.
SegmentationModel open_segmentation(const std::string& folder, const OpenOptions& options,
                                    Communicator& comm, const Log& log);

}  // namespace ijepa
