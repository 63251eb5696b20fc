// Segmentation network: tokens of an encoder (or raw patches, for comparison) and the head on one
// device, for images of one size.
#pragma once
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ijepa/model/grid.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/tasks/features/feature_map.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"
#include "ijepa/tasks/segmentation/pixel_loss.hpp"

namespace ijepa {

/// Of the score map of a (rows, cols) grid of tokens. An Error for fewer than 3 rows or columns.
Grid score_grid(Grid tokens);

/// A 3 x 3 convolution without padding from the tokens' map to class scores. As one product of all
/// tokens with the nine kernels, whose results are then summed with shifts: no copy of the tokens
/// is made.
class SegmentationHead {
 public:
  /// Weights start at 0 until initialise() or a load. StoreUse::training has gradients.
  SegmentationHead(Device& device, std::int64_t width, std::int64_t classes, StoreUse use,
                   Precision precision = Precision::float32());
  SegmentationHead(const SegmentationHead&) = delete;
  SegmentationHead& operator=(const SegmentationHead&) = delete;

  const ParamLayout& layout() const { return layout_; }
  ParamStore& store() { return store_; }
  std::int64_t classes() const { return classes_; }
  Pass pass(Ops& ops, Arena& arena) const {
    return {ops, arena, store_.precision(), store_.online(), store_.gradients()};
  }

  /// tokens (B h w, D) compute type -> scores (B, h - 2, w - 2, C) on the host. T is the compute
  /// type. The arena is left as it was found.
  template <class T>
  std::vector<T> forward(Pass& p, Tensor tokens, Grid grid) const;
  /// dscores as forward's result. Gradients are written, or added, as p.write says; dtokens (B h w,
  /// D) may be empty.
  template <class T>
  void backward(Pass& p, const std::vector<T>& dscores, Tensor tokens, Grid grid,
                Tensor dtokens) const;

 private:
  std::int64_t classes_;
  ParamLayout layout_;
  Param weight_, bias_;  // (9 C, D), rows by kernel row, kernel column, class; (C)
  ParamStore store_;
};

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
  Precision precision;  // of a frozen encoder
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
