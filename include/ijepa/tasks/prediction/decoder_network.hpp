// Decoder network: a block decoder with its weights, their moving average and all memory on one
// device, to learn from crops of pictures and to be asked with the averaged weights.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/core/matrix.hpp"
#include "ijepa/data/images/resize.hpp"
#include "ijepa/model/flow_matching.hpp"
#include "ijepa/model/masks.hpp"
#include "ijepa/nn/param_store.hpp"
#include "ijepa/train/checkpoint/run_state.hpp"

namespace ijepa {

struct DecoderShape {
  BlockDecoderConfig model;
  Grid grid;  // of a picture
  Normalisation normalisation;

  BlockSize block() const { return {model.crop.rows - 2, model.crop.cols - 2}; }
  /// Of a picture with a margin of one patch, in which each block has a whole ring.
  Size padded() const;
};

/// The mean colour, the nearest that a picture can have: 0 to a network where it lies within [0,
/// 1].
std::array<std::uint8_t, 3> mean_colour(const Normalisation& normalisation);

/// Pictures uint8 (n, height, width, 3) with a margin of one patch in the mean_colour().
std::vector<std::uint8_t> with_margin(std::span<const std::uint8_t> rgb, const DecoderShape& shape);

/// What a decoder knows of its training data, and is told s by.
struct DecoderStatistics {
  std::vector<double> mean, deviation;                  // (C) of s
  std::vector<double> encoded_mean, encoded_deviation;  // (C) of the target encoder's s
  std::vector<double> crop_mean, crop_variance;  // (T 3 p p) of normalised crops, patch by patch

  /// (s - mean) / deviation, (n, C).
  Matrix<float> standardised(MatrixView<const float> s) const;
  /// The same of the target encoder's s, by its own mean and deviation: what varies in it varies
  /// more than in a prediction, and the decoder knows predictions alone.
  Matrix<float> standardised_encoded(MatrixView<const float> s) const;
};

class DecoderNetwork {
 public:
  DecoderNetwork(Device& device, const DecoderShape& shape, StoreUse use);

  const DecoderShape& shape() const { return shape_; }
  ParamStore& store() { return store_; }
  DecoderStatistics& statistics() { return statistics_; }

  /// Fresh weights, which their average starts from.
  void initialise(std::uint64_t seed);

  struct Examples {
    std::span<const std::uint8_t> padded;  // (S, H + 2 p, W + 2 p, 3)
    std::span<const std::int32_t> position;
    MatrixView<const float> condition;  // (S, C) standardised
    std::span<const FlowDraw> draws;
    std::span<const float> noise;  // (S T, 3 p p)
  };
  /// Loss and gradients of flow_step(), written.
  double learn(const Examples& examples, double scale, const ReadyCallback& ready);
  /// AdamW, with the average in place of the EMA target.
  void update(const AdamWStep& step);

  /// The clean crops (S T, 3 p p) behind z, all at time t, by the averaged weights. condition (S,
  /// C) standardised; `told` of length S says whose s counts.
  std::vector<float> guess(const std::vector<float>& z, double t, MatrixView<const float> condition,
                           std::span<const std::uint8_t> told);
  /// Normalised crops of pictures with margins, (S T, 3 p p).
  std::vector<float> crops(std::span<const std::uint8_t> padded,
                           std::span<const std::int32_t> position);

  /// In the device's memory, as checkpoints hold them: groups "decoder", its moments while it
  /// trains, "average_decoder" and "statistics".
  std::vector<NamedTensor> tensors() const;
  /// Puts statistics() beside the weights, or takes them from there.
  void store_statistics();
  void load_statistics();

 private:
  Tensor upload_pixels(std::span<const std::uint8_t> padded);
  Tensor gather(Pass& p, Tensor pixels, std::span<const std::int32_t> position) const;
  Tensor upload_condition(Pass& p, MatrixView<const float> condition,
                          std::span<const std::uint8_t> told) const;
  Tensor upload_times(Pass& p, std::span<const double> times) const;
  Tensor statistic(std::size_t i) const;
  void reserve(std::int64_t crops);
  std::size_t measure(std::int64_t crops) const;

  Device& device_;
  DecoderShape shape_;
  StoreUse use_;
  ParamLayout layout_;
  BlockDecoder decoder_;
  ParamStore store_, average_;
  DecoderStatistics statistics_;
  Buffer statistics_memory_, loss_, arena_, pixels_;
  std::int64_t reserved_ = 0;  // crops that the buffers are large enough for
};

}  // namespace ijepa
