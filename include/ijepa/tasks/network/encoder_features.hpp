// Encoder features: the mean over patches of an encoder's output, its final norm applied (Assran et
// al., arXiv 2301.08243: average pool, no class token), of the last layer or of the last few.
#pragma once
#include <cstdint>
#include <string>

#include "ijepa/device/device.hpp"
#include "ijepa/model/encoder.hpp"
#include "ijepa/tasks/features/feature_map.hpp"

namespace ijepa {

/// Which encoder of a checkpoint; the target encoder (EMA) is what published results use.
/// Untrained: as both were before the first step, by the run's seed.
enum class EncoderChoice : std::uint8_t { target, context, untrained };

/// Images of a batch: enough rows for the matrix products, patches of any number of channels in
/// little memory, and the same for any number of ranks.
std::int64_t images_at_once(const EncoderConfig& encoder);

/// An encoder with weights, in a device's memory.
struct EncoderWeights {
  const Encoder& encoder;
  Precision precision;
  Weights weights;
};

class EncoderFeatures final : public FeatureMap {
 public:
  /// `network` must outlive the object. The means of the last `layers` blocks' outputs, each
  /// through the final norm, stand one after another, the last block's last. `identity` is that of
  /// the weights.
  EncoderFeatures(std::string name, Device& device, const EncoderWeights& network,
                  const Normalisation& normalisation, std::int64_t layers = 1,
                  const std::string& identity = {});

  std::string name() const override { return name_; }
  std::int64_t width() const override { return layers_ * config().width; }
  std::string identity() const override { return identity_; }
  /// An Error if the pictures do not have the encoder's size.
  void apply(const PixelBatch& batch, MatrixView<float> out) override;
  /// The last layer's of the last batch, before the mean: (count N, D).
  const Matrix<float>& tokens() const { return tokens_; }
  /// Takes the memory for batches of `count` pictures now rather than with the first one.
  void reserve(std::int64_t count);

 private:
  const EncoderConfig& config() const { return network_.encoder.config(); }
  using Sink = std::function<void(std::int64_t layer, Tensor tokens)>;

  void infer(Ops& ops, Arena& arena, Tensor pixels, const Sink& sink) const;
  void pool(Ops& ops, Tensor tokens, std::int64_t first_column, MatrixView<float> out);

  std::string name_, identity_;
  Device& device_;
  EncoderWeights network_;
  Normalisation normalisation_;
  std::int64_t layers_;
  std::int64_t reserved_ = 0;  // images that the buffers are large enough for
  Buffer arena_, pixels_;
  Matrix<float> tokens_;  // (count N, D)
};

}  // namespace ijepa
