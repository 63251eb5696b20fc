// Segmentation network: tokens of an encoder (or raw patches, for comparison) and the head on one
// device, for images of one size.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ijepa/tasks/feature_map.hpp"
#include "ijepa/tasks/pretrained_encoder.hpp"
#include "ijepa/tasks/segmentation/head.hpp"
#include "ijepa/tasks/segmentation/pixel_loss.hpp"

namespace ijepa {

/// What the head sees.
enum class TokenSource : std::uint8_t {
  encoder,    // of the checkpoint
  untrained,  // an encoder of the same form with its start weights
  patches,    // the normalised pixels of each patch
};

struct NetworkShape {
  EncoderConfig encoder;  // as pretrained
  Normalisation normalisation;
  Size image;  // multiples of the patch
  std::int64_t classes = 2;
  TokenSource tokens = TokenSource::encoder;
};

class SegmentationNetwork {
 public:
  /// An Error when the image size does not fit or raw patches are to be trained. Weights are 0
  /// until initialise() or a load.
  SegmentationNetwork(Device& device, const NetworkShape& shape, Trained trained, int threads);

  /// Start weights: those of the encoder from the seed of its pretraining, those of the head from
  /// `seed`.
  void initialise(std::uint64_t encoder_seed, std::uint64_t seed);

  const NetworkShape& shape() const { return shape_; }
  /// Null where the tokens are raw patches.
  PretrainedEncoder* encoder() { return encoder_.get(); }
  SegmentationHead& head() { return head_; }
  Grid scores_grid() const { return score_grid(grid_); }

  /// Scores (B, h - 2, w - 2, C) of pictures of shape().image.
  std::vector<float> infer(const PixelBatch& batch);

  Trained trained() const { return trained_; }
  /// Gradients of scale * (sum of the pixels' losses), written or added as `write` says.
  /// `head_ready` and `encoder_ready` as in a backward pass.
  PixelResult learn(const PixelBatch& batch, const std::vector<IndexImage>& labels, float scale,
                    Write write, const ReadyCallback& head_ready = {},
                    const ReadyCallback& encoder_ready = {});
  /// The same without gradients.
  PixelResult judge(const PixelBatch& batch, const std::vector<IndexImage>& labels);
  /// What results are added to.
  PixelResult no_pixels() const;

 private:
  Tensor tokens(Ops& ops, Arena& arena, Tensor pixels, PretrainedEncoder::Saved* saved) const;
  Tensor upload(const PixelBatch& batch);
  void reserve(std::int64_t images);
  std::size_t measure(std::int64_t images) const;
  PixelResult loss(std::span<const float> scores, const std::vector<IndexImage>& labels,
                   float scale, std::span<float> dscores) const;

  Device& device_;
  NetworkShape shape_;
  Trained trained_;
  int threads_;
  Grid grid_;
  std::unique_ptr<PretrainedEncoder> encoder_;
  SegmentationHead head_;
  std::int64_t reserved_ = 0;  // images that the buffers are large enough for
  Buffer arena_, pixels_;
};

}  // namespace ijepa
