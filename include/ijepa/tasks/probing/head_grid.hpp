// Head grid: the linear heads that are compared on one kind of features: last layer or all layers
// given, with or without batch norm, learning rates and weight decays, trained in one pass.
#pragma once
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/matrix.hpp"
#include "ijepa/tasks/features/labelled.hpp"
#include "ijepa/tasks/probing/linear_heads.hpp"

namespace ijepa {

/// Without scale and shift, which a linear layer behind it would take up: y = (x - mean) / sqrt(var
/// + 1e-6) a channel, var the biased variance. The running mean and unbiased variance start as the
/// first batch's and then take a tenth of every batch's.
class BatchNorm {
 public:
  explicit BatchNorm(std::int64_t width)
      : mean_(static_cast<std::size_t>(width)), variance_(mean_.size(), 1) {}

  /// y (n, D) of this rank's rows x (n, D) of a batch of `global` rows; n may be 0. Collective.
  Matrix<float> train(MatrixView<const float> x, std::int64_t global, Communicator& comm);
  /// y (n, D) by the running statistics.
  Matrix<float> evaluate(MatrixView<const float> x) const;

 private:
  std::vector<double> mean_, variance_;
  bool started_ = false;
};

enum class HeadNorm : std::uint8_t { none, batch };

/// One point of a grid.
struct Head {
  std::int64_t layers = 1;  // the last so many
  HeadNorm norm = HeadNorm::none;
  HeadSettings settings;
};

/// "last 4 layers, batch norm, rate 0.1, decay 0".
std::string describe(const Head& head);

struct HeadTraining {
  HeadOptimizer optimizer = HeadOptimizer::sgd;
  double momentum = 0.9;
  std::uint64_t seed = 0;  // of the start weights of LARS, which are normal with std 0.01
};

/// What a head says of a test set.
struct HeadScore {
  Accuracy accuracy;
  double loss = 0;  // mean cross-entropy
};

/// How often class `truth` was taken for class `guess`.
struct Confusion {
  static constexpr std::int64_t most_classes = 2000;  // of the whole matrix
  std::vector<double> images, hits;                   // (C) of each class
  Matrix<double> counts;                              // (C, C) truth by guess; empty beyond that
};

class HeadGrid {
 public:
  /// `width` channels of `layers` layers, the last layer's last. Heads with the same layers and
  /// norm stand together.
  HeadGrid(std::int64_t width, std::int64_t layers, std::int64_t classes, std::vector<Head> heads,
           const HeadTraining& training);

  const std::vector<Head>& heads() const { return heads_; }

  /// One step of all heads on a global batch of `global` rows, of which this rank has x (n, width)
  /// and labels (n). Collective.
  void step(MatrixView<const float> x, std::span<const std::int32_t> labels, std::int64_t global,
            double rate, Communicator& comm);
  /// Each head's score on the shares of all ranks; a head that has diverged has accuracy 0 and
  /// infinite loss. Collective.
  std::vector<HeadScore> evaluate(const LabelledFeatures& set, Communicator& comm) const;
  /// One head's, over the shares of all ranks. Collective.
  Confusion confusion(const LabelledFeatures& set, std::size_t head, Communicator& comm) const;

 private:
  struct Group {
    std::int64_t layers;
    HeadNorm norm;
    LinearHeads<float> heads;
    LinearHeads<float>::Gradient gradient;
  };
  /// (head, label, logits of the classes) of every row.
  using Visitor = std::function<void(std::size_t, std::int32_t, std::span<const float>)>;

  void add_group(std::size_t first, std::size_t count, const HeadTraining& training);
  Matrix<float> input_of(const Group& group, MatrixView<const float> raw,
                         MatrixView<const float> normed) const;
  void visit(const LabelledFeatures& set, const Visitor& visitor) const;
  bool normed() const;

  std::int64_t width_, layers_, classes_;
  std::vector<Head> heads_;
  BatchNorm batch_norm_;
  std::vector<Group> groups_;
};

}  // namespace ijepa
