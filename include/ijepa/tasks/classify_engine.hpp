// Classify engine: one rank's part of a classifier's training: micro-batches that add up, one
// gradient sum over the ranks, one update, and the same figures on every rank.
#pragma once
#include <memory>
#include <optional>
#include <span>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/tasks/classifier.hpp"
#include "ijepa/tasks/finetune_optimizer.hpp"
#include "ijepa/train/grad_sync.hpp"

namespace ijepa {

/// Sums over images.
struct ClassifySums {
  double loss = 0, top1 = 0, top5 = 0, images = 0;

  /// Adds images with their logits (n, C); `losses` (n) are theirs.
  void add(MatrixView<const double> logits, std::span<const std::int32_t> labels,
           std::span<const double> losses);
  void add(const ClassifySums& other);
  /// Becomes the sum over ranks. Collective.
  void reduce(Communicator& comm);
};

/// How many logits of a row come before that of `label`: higher ones, and equal ones of lower
/// classes.
std::int64_t rank_of(std::span<const double> logits, std::int32_t label);

class ClassifyEngine {
 public:
  /// All must outlive the object.
  ClassifyEngine(const ClassifyOptim& optim, Classifier& classifier, Device& device,
                 Communicator& comm);

  /// A micro-batch of a step of `step_images` images over all ranks; `last` starts the sums over
  /// ranks while backward runs.
  void learn(const Examples& examples, std::span<const std::int32_t> labels,
             std::int64_t step_images, bool last);
  /// Ends step `step` = 0, 1, ..., in which this rank may have had no image. An Error on every rank
  /// when the loss is not finite; weights are then as before. Collective.
  ClassifySums finish(std::int64_t step, double learning_rate);

 private:
  void clear_gradients();

  Classifier& classifier_;
  Device& device_;
  Communicator& comm_;
  FinetuneOptimizer head_optimizer_;
  std::optional<FinetuneOptimizer> encoder_optimizer_;
  GradSync head_sync_;
  std::unique_ptr<GradSync> encoder_sync_;  // null: the encoder does not train
  ClassifySums sums_;
  bool begun_ = false;  // gradients of this step were written
};

}  // namespace ijepa
