// Sketch pixels: crops as a decoder has them, patch by patch and normalised, as pictures and
// levels; how samples are drawn, and what they are worth.
#pragma once
#include <span>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/tasks/prediction/decoder_network.hpp"
#include "ijepa/tasks/prediction/sketch.hpp"
#include "ijepa/tasks/prediction/whole_model.hpp"

namespace ijepa {

/// Crops or blocks as levels, 0 to 255 each.
using Samples = std::vector<std::vector<double>>;

/// Levels of a crop (T 3 p p), row by row, (height, width, 3), within that range.
std::vector<double> levels_of(std::span<const float> crop, const DecoderShape& shape);

/// The levels inside the block, without the ring.
std::vector<double> inside_block(std::span<const double> levels, const DecoderShape& shape);

/// A picture of levels of a crop.
Image crop_picture(std::span<const double> levels, const DecoderShape& shape);

/// A picture in the mean colour with a block, given by its levels, in its middle; and the patches
/// on which it lies.
Image on_canvas(std::span<const double> block_levels, const DecoderShape& shape);
std::int32_t canvas_position(const DecoderShape& shape);

/// Element by element over samples.
std::vector<double> mean_of(const Samples& samples);
/// Deviation, n - 1 in the divisor; 0 of one sample.
std::vector<double> deviation_of(const Samples& samples);
/// Each pixel's three levels replaced by their mean.
std::vector<double> grey_of(std::vector<double> levels);
double root_mean_square(std::span<const double> a, std::span<const double> b);

/// Figures of a decoder's samples of blocks: which block the target encoder takes them for, how far
/// their mean is from the truth, and how much they differ.
class SketchJudge {
 public:
  SketchJudge(WholeModel& model, const DecoderShape& shape) : model_(model), shape_(shape) {}

  /// What the target encoder says of blocks, given by their levels, each alone in the middle of a
  /// plain picture: means over the block's patches, (n, D). No place and no surroundings help.
  Matrix<float> encode(const Samples& blocks);
  /// encode() of the blocks that samples are to be told apart from, (N, D).
  void set_truths(Matrix<float> truths);
  /// Of samples (crops) of block `own` of them; `truth`: the levels of that block.
  SketchFigures judge(std::int64_t own, const Samples& samples, std::span<const double> truth);

 private:
  /// Less the mean of the truths, at length 1.
  std::vector<float> direction(std::span<const float> vector) const;

  WholeModel& model_;
  DecoderShape shape_;
  Matrix<float> truths_;      // directions
  std::vector<double> mean_;  // of the truths
};

/// condition (S, C) standardised, told (S): whose s counts, noise (S T, 3 p p) -> normalised crops
/// (S T, 3 p p).
std::vector<float> sample_blocks(DecoderNetwork& network, MatrixView<const float> condition,
                                 std::span<const std::uint8_t> told, std::vector<float> noise,
                                 const HeunSettings& heun);

/// The noise of samples 0, 1, ..., one after the other, `times` times over.
std::vector<float> shared_noise(const DecoderShape& shape, std::uint64_t seed, std::int64_t samples,
                                std::int64_t times);

}  // namespace ijepa
