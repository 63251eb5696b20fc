// WholeModel: both encoders and the predictor of a checkpoint, to ask what is expected inside
// blocks of a picture of which only a context is seen.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/model/masks.hpp"
#include "ijepa/tasks/encoder_features.hpp"
#include "ijepa/train/recipe.hpp"

namespace ijepa {

/// Of one picture and one context.
struct Expectations {
  Matrix<float> tokens;                       // (N, D) target encoder, after its norm
  std::vector<std::vector<std::int32_t>> at;  // patches of each predicted block, as predicted
  std::vector<Matrix<float>> predicted;       // of each block, (patches, D)
};

class WholeModel {
 public:
  /// Float32. `threads` a rank; 0: as the run was configured. Collective.
  WholeModel(const std::string& checkpoint, int threads, Communicator& comm, const Log& log);

  const PretrainRecipe& recipe() const { return recipe_; }
  Grid grid() const;
  Size image_size() const;
  /// The target encoder's.
  EncoderFeatures& features() { return *features_; }

  /// `rgb` uint8 (height, width, 3) of image_size(). Blocks come in the order of the masks'
  /// targets, but sorted by length where these differ.
  Expectations expect(const std::vector<std::uint8_t>& rgb, const ImageMasks& masks);

 private:
  PretrainRecipe recipe_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<IJepa> model_;
  std::unique_ptr<ParamStore> store_;
  std::unique_ptr<EncoderFeatures> features_;
  Buffer arena_, pixels_;
};

}  // namespace ijepa
