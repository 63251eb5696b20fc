// Linear heads: softmax classifiers with different settings, trained together over the same frozen
// features, so that a grid costs one pass.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

struct HeadSettings {
  double learning_rate = 0.1, weight_decay = 0;
};

/// G heads of C classes over D features; weights start at zero. T is float or double.
template <class T>
class LinearHeads {
 public:
  LinearHeads(std::int64_t width, std::int64_t classes, std::vector<HeadSettings> settings,
              double momentum);

  Matrix<T> weight;     // (G C, D), head-major
  std::vector<T> bias;  // (G C)

  /// One step of SGD with Nesterov momentum (Sutskever et al., ICML 2013) on the mean cross-entropy
  /// of x (B, D), labels (B), weights and biases alike: g = gradient + weight_decay w, v = momentum
  /// v + g, w -= rate learning_rate (g + momentum v). `rate` is the schedule's factor. Returns each
  /// head's loss before the step.
  std::vector<double> step(MatrixView<const T> x, std::span<const std::int32_t> labels,
                           double rate);

  /// (B, G C) of x (B, D).
  Matrix<T> logits(MatrixView<const T> x) const;

  std::int64_t classes() const { return classes_; }
  const std::vector<HeadSettings>& settings() const { return settings_; }

 private:
  std::int64_t classes_;
  std::vector<HeadSettings> settings_;
  double momentum_;
  Matrix<T> weight_velocity_;
  std::vector<T> bias_velocity_;
};

}  // namespace ijepa
