// Segmentation network: tokens of an encoder (or raw patches, for comparison) and the head on one
// device, for images of one size.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "ijepa/tasks/feature_map.hpp"
#include "ijepa/tasks/segmentation/head.hpp"
#include "ijepa/tasks/segmentation/pixel_loss.hpp"
#include "ijepa/tasks/trainable_encoder.hpp"
#include "ijepa/train/grad_sync.hpp"

namespace ijepa {

/// What the head sees.
enum class TokenSource : std::uint8_t {
  encoder,    // of the checkpoint
  untrained,  // an encoder of the same form with its start weights
  patches,    // the normalised pixels of each patch
};

enum class Training : std::uint8_t {
  none,  // inference
  head,  // the encoder is frozen
  all,   // fine-tuning
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
  SegmentationNetwork(Device& device, const NetworkShape& shape, Training training, int threads);

  /// Start weights: those of the encoder from the seed of its pretraining, those of the head from
  /// `seed`.
  void initialise(std::uint64_t encoder_seed, std::uint64_t seed);

  const NetworkShape& shape() const { return shape_; }
  /// Null where the tokens are raw patches.
  TrainableEncoder* encoder() { return encoder_.get(); }
  SegmentationHead& head() { return head_; }
  Grid scores_grid() const { return score_grid(grid_); }

  /// Scores (B, h - 2, w - 2, C) of pictures of shape().image.
  std::vector<float> infer(const PixelBatch& batch);

  /// Sums gradients over ranks while backward runs. Call once before the first step.
  void connect(Communicator& comm);
  /// Loss and scores of this rank's part of a batch (it may be empty), summed gradients of scale *
  /// loss over ranks. Collective.
  PixelResult step(const PixelBatch& batch, const std::vector<IndexImage>& labels, float scale);
  /// AdamW on what is trained.
  void update(const AdamWStep& step);

 private:
  Tensor tokens(Ops& ops, Arena& arena, Tensor pixels, TrainableEncoder::Saved* saved) const;
  Tensor upload(const PixelBatch& batch);
  void reserve(std::int64_t images);
  std::size_t measure(std::int64_t images) const;
  void backward(Arena& arena, const std::vector<float>& dscores, Tensor tokens,
                TrainableEncoder::Saved& saved);

  Device& device_;
  NetworkShape shape_;
  Training training_;
  int threads_;
  Grid grid_;
  std::unique_ptr<TrainableEncoder> encoder_;
  SegmentationHead head_;
  std::unique_ptr<BucketReducer> reducer_;
  std::unique_ptr<GradSync> head_sync_, encoder_sync_;
  std::int64_t reserved_ = 0;  // images that the buffers are large enough for
  Buffer arena_, pixels_;
};

}  // namespace ijepa
