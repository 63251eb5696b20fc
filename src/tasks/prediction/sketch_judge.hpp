// Sketch judge: figures of a decoder's samples of blocks: which block the target encoder takes them
// for, how far their mean is from the truth, and how much they differ.
#pragma once
#include <vector>

#include "ijepa/tasks/prediction/sketch.hpp"
#include "ijepa/tasks/prediction/whole_model.hpp"
#include "sketch_pixels.hpp"

namespace ijepa {

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

}  // namespace ijepa
