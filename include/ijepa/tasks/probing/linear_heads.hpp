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

/// How a head's weights follow its gradient g; w are the weights of one head, v their velocity, r
/// the learning rate, d the weight decay, m the momentum.
enum class HeadOptimizer : std::uint8_t {
  /// Nesterov momentum (Sutskever et al., ICML 2013), weights and biases alike:
  /// g' = g + d w, v = m v + g', w -= r (g' + m v).
  sgd,
  /// Layer-wise adaptive rates (You et al., arXiv 1708.03888), a head's weights being the layer:
  /// q = 0.001 |w| / (|g| + d |w|), v = m v + r q (g + d w), w -= v. Biases have q = 1 and d = 0,
  /// and so have weights of norm 0 their q.
  lars,
};

/// G heads of C classes over D features; weights start at zero. T is float or double.
template <class T>
class LinearHeads {
 public:
  LinearHeads(std::int64_t width, std::int64_t classes, std::vector<HeadSettings> settings,
              double momentum, HeadOptimizer optimizer = HeadOptimizer::sgd);

  Matrix<T> weight;     // (G C, D), head-major
  std::vector<T> bias;  // (G C)

  struct Gradient {
    Matrix<T> weight;
    std::vector<T> bias;
    std::vector<double> losses;  // (G)
  };

  /// `scale` times the sum of the cross-entropies of x (B, D), labels (B), and its gradient; zeros
  /// where B is 0. With scale 1 / global batch the parts of several ranks add up to the mean's.
  void gradient(MatrixView<const T> x, std::span<const std::int32_t> labels, double scale,
                Gradient& out) const;
  /// One step of the optimizer; `rate` is the factor of the learning rates.
  void update(const Gradient& gradient, double rate);
  /// Both, for the mean over the batch. Returns each head's loss before the step.
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
  HeadOptimizer optimizer_;
  Matrix<T> weight_velocity_;
  std::vector<T> bias_velocity_;
};

}  // namespace ijepa
