// Encoder features: the mean over patches of an encoder's output, its final norm applied (Assran et
// al., arXiv 2301.08243: average pool, no class token).
#pragma once
#include <cstdint>
#include <string>

#include "ijepa/device/device.hpp"
#include "ijepa/model/ijepa.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/tasks/feature_map.hpp"

namespace ijepa {

/// Which of the two encoders; the target encoder (EMA) is what published results use.
enum class EncoderChoice : std::uint8_t { target, context };

class EncoderFeatures final : public FeatureMap {
 public:
  /// `model` and `store` (of the model's layout, weights set) must outlive the object.
  EncoderFeatures(std::string name, Device& device, const IJepa& model, const ParamStore& store,
                  EncoderChoice choice, const Normalisation& normalisation);

  std::string name() const override { return name_; }
  std::int64_t width() const override { return model_.encoder().config().width; }
  /// An Error if the pictures do not have the encoder's size.
  void apply(const PixelBatch& batch, MatrixView<float> out) override;
  /// Of the last batch, before the mean: (count N, D).
  const Matrix<float>& tokens() const { return tokens_; }

 private:
  void reserve(std::int64_t count);
  Tensor infer(Ops& ops, Arena& arena, Tensor pixels) const;

  std::string name_;
  Device& device_;
  const IJepa& model_;
  const ParamStore& store_;
  Weights weights_;
  Normalisation normalisation_;
  std::int64_t reserved_ = 0;  // images that the buffers are large enough for
  Buffer arena_, pixels_;
  Matrix<float> tokens_;  // (count N, D)
};

}  // namespace ijepa
