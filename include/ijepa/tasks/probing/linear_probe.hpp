// Linear probe: linear classifiers on frozen features, all settings of a grid trained in one pass,
// the best chosen on a part of the training set that the test set never sees.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "ijepa/tasks/features/feature_batches.hpp"
#include "ijepa/tasks/features/labelled.hpp"
#include "ijepa/tasks/probing/head_grid.hpp"

namespace ijepa {

struct LinearProbeOptions {
  std::int64_t epochs = 100;
  std::int64_t batch = 256;  // over all ranks; at most the training set
  std::vector<double> learning_rates{0.01, 0.03, 0.1,
                                     0.3};  // at batch 256; used: times batch / 256
  std::vector<double> weight_decays{0, 1e-3};
  HeadOptimizer optimizer = HeadOptimizer::sgd;
  double momentum = 0.9;
  std::int64_t decay_epochs = 0;  // a tenth of the rate every so many epochs; 0: a cosine to 0
  double validation_share = 0.1;  // of the training set, for the choice
  std::uint64_t seed = 0;         // of the choice of validation images and the order of training
};

/// The linear evaluation of Assran et al. (arXiv 2301.08243, appendix A; VISSL's recipe): LARS,
/// batch 16384, 50 epochs, a tenth of the rate every 15, learning rates {0.01, 0.05, 0.001},
/// decays {5e-4, 0}. The paper does not say at which batch the rates are given; as in VISSL they
/// are taken for batch 256.
LinearProbeOptions paper_protocol();

/// An Error unless there are at least 10 training images.
void check_linear_images(std::int64_t train_images);

struct GridPoint {
  Head head;
  HeadScore validation, test;  // trained without the validation part
};

struct LinearProbeResult {
  std::vector<GridPoint> grid;
  std::size_t best = 0;  // highest validation top-1, then lowest validation loss
  Accuracy test;         // of the best
  Confusion confusion;   // of the best
};

/// Features of a kind: the shares of both sets, and how many layers their channels are of.
struct ProbeSets {
  const std::vector<LabelledFeatures>& train;
  const std::vector<LabelledFeatures>& test;
  std::vector<std::int64_t> layers;
};

/// Makes the source of training batches where kept features are not to be used.
using BatchSource =
    std::function<std::unique_ptr<FeatureBatches>(const Split& split, std::int64_t batch)>;

/// Trains the grids of all kinds of features together: {last layer, all layers} x {no norm, batch
/// norm} x rates x decays of each, on the training set without its validation part. From kept
/// features (no `source`) the best head is then trained again on the whole training set and that
/// one is tested; from a source, where this would cost as much as the grid, it is tested as it is.
/// Equal up to rounding for any number of ranks, to the bit for the same numbers of ranks and
/// threads. An AgreedError if a set is unfit (check_probe_sets) or an option out of range.
/// Collective.
std::vector<LinearProbeResult> linear_probes(const ProbeSets& sets,
                                             const LinearProbeOptions& options, Communicator& comm,
                                             const BatchSource& source = {});

/// Of one kind of features, of one layer.
LinearProbeResult linear_probe(const LabelledFeatures& train, const LabelledFeatures& test,
                               const LinearProbeOptions& options, Communicator& comm);

}  // namespace ijepa
