// WholeModel: both encoders and the predictor of a checkpoint, to ask what is expected inside
// blocks of a picture of which only a context is seen.
#pragma once
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/model/ijepa.hpp"
#include "ijepa/model/masks.hpp"
#include "ijepa/model/position_tables.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/tasks/images/task_views.hpp"
#include "ijepa/train/recipe/recipe.hpp"

namespace ijepa {

/// Of one picture and one context.
struct Expectations {
  Matrix<float> tokens;                       // (N, D) WholeModel::targets() of the picture
  std::vector<std::vector<std::int32_t>> at;  // patches of each predicted block, as predicted
  std::vector<Matrix<float>> predicted;       // of each block, (patches, D)
};

/// Of blocks of several pictures, a row each (count K, D): pictures in their order, blocks in that
/// of their masks.
struct BlockMeans {
  Matrix<float> predicted;  // the mean of what is predicted of the block's patches
  Matrix<float> encoded;    // the mean of what training would have it predict
};

class WholeModel {
 public:
  /// Float32. `threads` a rank; 0: as the run was configured. Collective.
  WholeModel(const std::string& checkpoint, int threads, Communicator& comm, const Log& log);

  const PretrainRecipe& recipe() const { return recipe_; }
  Device& device() { return *device_; }
  Grid grid() const;
  Size image_size() const;
  int channels() const { return static_cast<int>(recipe_.model.encoder.channels); }
  /// Pictures as this network sees them, and as a decoder and all that is compared with it do;
  /// decoded on `threads` threads.
  TaskViews views(const Dataset& images, int threads) const {
    return {images, picture_views(image_size(), channels()), 0, threads};
  }
  /// What the targets of every patch are made of, (count N, D): the target encoder's features, or
  /// the mean of several blocks where it was trained so; centred where the targets were. `batch`:
  /// pixels (count, height, width, channels) of image_size().
  Matrix<float> targets(const std::vector<std::uint8_t>& batch, std::int64_t count);
  /// D.
  std::int64_t width() const { return model_->encoder().config().width; }

  /// `batch` (height, width, channels) of image_size(). Blocks come in the order of the masks'
  /// targets, but sorted by length where these differ.
  Expectations expect(const std::vector<std::uint8_t>& batch, const ImageMasks& masks);

  /// `batch` (count, height, width, channels), masks (count) with one context each and equally many
  /// targets of one length.
  BlockMeans block_means(const std::vector<std::uint8_t>& batch, std::span<const ImageMasks> masks);
  /// The mean over `patches` of tokens (N, D), as targets() gives them of one picture, made targets
  /// as in training.
  std::vector<float> mean_target(MatrixView<const float> tokens,
                                 std::span<const std::int32_t> patches) const;
  /// Of all that predictions and targets of a picture depend on: the weights of both encoders and
  /// of the predictor, position tables, how targets are centred, and the recipe's sizes, heads,
  /// joint predictor, targets and normalisation. Equal for equal ones alone.
  std::string identity() const;

 private:
  void load_moments(const std::string& checkpoint, Communicator& comm);
  void centre(Matrix<float>& sources) const;
  /// Evaluates pictures with their plan; the tokens that targets are made of, centred, and the
  /// predictions (Tt, D).
  struct Evaluated {
    Matrix<float> tokens, predictions;
  };
  Evaluated evaluate(const std::vector<std::uint8_t>& batch, const TokenPlan& plan);
  /// Puts the pictures on the device; an arena of so many bytes beside them.
  Arena make_room(std::size_t bytes, const std::vector<std::uint8_t>& batch);

  PretrainRecipe recipe_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<IJepa> model_;
  std::unique_ptr<ParamStore> store_;
  PositionTables positions_;
  std::vector<double> shift_, factor_;  // of centred targets, (N D) and (D)
  Buffer arena_, pixels_;
};

}  // namespace ijepa
