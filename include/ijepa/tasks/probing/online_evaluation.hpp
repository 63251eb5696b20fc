// Online evaluation: k-NN, and a linear head if asked for, on the target encoder's features while a
// run trains.
#pragma once
#include "ijepa/tasks/features/features.hpp"
#include "ijepa/tasks/probing/probe_images.hpp"
#include "ijepa/train/health/evaluation.hpp"

namespace ijepa {

class OnlineEvaluation final : public Evaluation {
 public:
  /// Opens the shards of recipe.eval. `engine` must outlive the object. An AgreedError says what is
  /// wrong with the images. Collective.
  OnlineEvaluation(const PretrainRecipe& recipe, Device& device, Engine& engine,
                   Communicator& comm);

  /// Figures knn_top1, knn_top5 and, if asked for, linear_top1, linear_top5, in shares of 1; the
  /// score is knn_top1. Each rank computes and keeps its share of the features.
  Result evaluate() override;

 private:
  EvalSettings settings_;
  Communicator& comm_;
  ProbeImages images_;
  FeatureMaps maps_;
  ExtractOptions options_;
};

}  // namespace ijepa
