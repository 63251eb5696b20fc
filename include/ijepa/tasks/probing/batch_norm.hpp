// Batch norm of frozen features, before a linear head: statistics of the global batch in training,
// running ones in evaluation (Ioffe and Szegedy, arXiv 1502.03167).
#pragma once
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/matrix.hpp"

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

}  // namespace ijepa
