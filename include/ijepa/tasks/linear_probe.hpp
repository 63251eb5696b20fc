// Linear probe: one linear classifier on frozen, standardised features, its learning rate and
// weight decay chosen on a part of the training set that the test set never sees.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/tasks/labelled.hpp"
#include "ijepa/tasks/linear_heads.hpp"

namespace ijepa {

struct LinearProbeOptions {
  std::int64_t epochs = 100;
  std::int64_t batch = 256;
  std::vector<double> learning_rates{0.003, 0.01, 0.03, 0.1};  // of the grid
  std::vector<double> weight_decays{0, 1e-3, 1e-2};
  double momentum = 0.9;
  double validation_share = 0.1;  // of the training set, for the choice
  std::uint64_t seed = 0;         // of the choice of validation images and the order of training
};

/// An Error unless every option is in range and there are at least 10 training images.
void check_linear_options(const LinearProbeOptions& options, std::int64_t train_images);

struct LinearProbeResult {
  Accuracy test;
  HeadSettings chosen;
  double validation_top1 = 0;  // of the chosen settings
};

/// Trains all settings on the training set without its validation part (SGD with momentum, cosine
/// decay to 0), then the best one (highest validation top-1, then lowest validation loss) on the
/// whole. Features are standardised by the training set's mean and std per channel. The same input
/// gives the same output at the same number of threads. An Error if a set is unfit
/// (check_probe_sets), or an option out of range.
LinearProbeResult linear_probe(const LabelledFeatures& train, const LabelledFeatures& test,
                               const LinearProbeOptions& options = {});

}  // namespace ijepa
