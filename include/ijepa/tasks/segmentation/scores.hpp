// Scores: how well predicted label maps fit the true ones, from a confusion matrix over all pixels
// of a data set, and the batch-averaged figures that other programs print.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/tasks/segmentation/pixel_loss.hpp"

namespace ijepa {

struct SegmentationScores {
  double pixel_accuracy = 0;  // share of the pixels that count
  double mean_iou = 0;        // over classes that are present
  std::int64_t absent = 0;    // classes neither in the truth nor predicted: left out of the mean
  std::vector<double> iou;    // (C), NaN for absent classes
};

/// From a confusion matrix (C, C): truth, prediction. NaN where nothing counts.
SegmentationScores scores_of(std::span<const std::int64_t> confusion);

/// What batches add up to, on one rank or over all.
class ScoreSum {
 public:
  explicit ScoreSum(std::int64_t classes);

  /// A whole batch.
  void add(const PixelResult& batch);
  /// The sums of all ranks, on every rank. Collective.
  void reduce(Communicator& comm);

  /// Mean cross-entropy of all pixels that count; NaN when there are none.
  double loss() const { return numbers_[0] / numbers_[1]; }
  SegmentationScores scores() const;

  /// Batch-averaged figures: the sum of the batches' values, in which an absent class has IoU 0,
  /// divided by batches + 1.
  struct Compat {
    double loss = 0, pixel_accuracy = 0, mean_iou = 0;
  };
  Compat compat() const;

 private:
  static constexpr std::size_t first_count = 6;  // of the confusion matrix

  // loss, pixels, batches, sums of the batches' losses, accuracies and IoUs; confusion matrix
  std::vector<double> numbers_;
};

/// Sums of results over ranks: those of one batch that ranks share. Collective.
void reduce(PixelResult& inout, Communicator& comm);
/// Both of as many classes.
void add(const PixelResult& part, PixelResult& sum_inout);

}  // namespace ijepa
