#include "ijepa/tasks/probing/linear_heads.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "../features/gemm.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

std::size_t index(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// Logits z (C) to d loss / d z = (softmax(z) - onehot(label)) * scale; returns -log
/// softmax(z)[label].
template <class T>
double softmax_cross_entropy(std::span<T> z, std::size_t label, T scale) {
  const T top = *std::ranges::max_element(z);
  const T own = z[label] - top;
  T sum = 0;
  for (auto& v : z) sum += v = std::exp(v - top);
  for (auto& v : z) v *= scale / sum;
  z[label] -= scale;
  return static_cast<double>(std::log(sum) - own);
}

/// What one step does to one head's weights or biases.
struct Step {
  double rate, decay, momentum;
};

template <class T>
void sgd_step(std::span<const T> gradient, const Step& s, std::span<T> velocity,
              std::span<T> value) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const T g = gradient[i] + T(s.decay) * value[i];
    velocity[i] = T(s.momentum) * velocity[i] + g;
    value[i] -= T(s.rate) * (g + T(s.momentum) * velocity[i]);
  }
}

template <class T>
double norm(std::span<const T> values) {
  double squares = 0;
  for (const double v : values) squares += v * v;
  return std::sqrt(squares);
}

/// `trust` 0: the rate is not adapted.
template <class T>
void lars_step(std::span<const T> gradient, const Step& s, double trust, std::span<T> velocity,
               std::span<T> value) {
  double rate = s.rate;
  const double size = norm<T>(value), pull = norm<T>(gradient) + s.decay * size;
  if (trust > 0 && size > 0 && pull > 0) rate *= trust * size / pull;
  for (std::size_t i = 0; i < value.size(); ++i) {
    velocity[i] = T(s.momentum) * velocity[i] + T(rate) * (gradient[i] + T(s.decay) * value[i]);
    value[i] -= velocity[i];
  }
}

}  // namespace

template <class T>
LinearHeads<T>::LinearHeads(std::int64_t width, std::int64_t classes,
                            std::vector<HeadSettings> settings, double momentum,
                            HeadOptimizer optimizer)
    : weight(static_cast<std::int64_t>(settings.size()) * classes, width),
      bias(settings.size() * index(classes)),
      classes_(classes),
      settings_(std::move(settings)),
      momentum_(momentum),
      optimizer_(optimizer),
      weight_velocity_(weight.rows, width),
      bias_velocity_(bias.size()) {}

template <class T>
Matrix<T> LinearHeads<T>::logits(MatrixView<const T> x) const {
  Matrix<T> z(x.rows, weight.rows);
  if (x.rows == 0) return z;
  multiply_transposed<T>(x, weight.view(), z.view());
  for (std::int64_t i = 0; i < z.rows; ++i)
    std::ranges::transform(z.row(i), bias, z.row(i).begin(), std::plus<>());
  return z;
}

template <class T>
void LinearHeads<T>::gradient(MatrixView<const T> x, std::span<const std::int32_t> labels,
                              double scale, Gradient& out) const {
  check(x.cols == weight.cols && labels.size() == index(x.rows),
        "A linear head of width {} got {} rows of width {} and {} labels.", weight.cols, x.rows,
        x.cols, labels.size());
  out.losses.assign(settings_.size(), 0);
  out.bias.assign(bias.size(), 0);
  if (out.weight.values.size() != weight.values.size()) out.weight = {weight.rows, weight.cols};
  if (x.rows == 0) {
    std::ranges::fill(out.weight.values, T(0));
    return;
  }
  auto dz = logits(x);
  for (std::int64_t i = 0; i < dz.rows; ++i) {
    for (std::size_t g = 0; g < settings_.size(); ++g) {
      const auto z = dz.row(i).subspan(g * index(classes_), index(classes_));
      out.losses[g] += scale * softmax_cross_entropy(z, index(labels[index(i)]), T(scale));
    }
    std::ranges::transform(out.bias, dz.row(i), out.bias.begin(), std::plus<>());
  }
  transposed_multiply<T>(dz.view(), x, out.weight.view());
}

template <class T>
void LinearHeads<T>::update(const Gradient& gradient, double rate) {
  const auto rows = index(classes_), block = rows * index(weight.cols);
  for (std::size_t g = 0; g < settings_.size(); ++g) {
    const auto& s = settings_[g];
    const auto part = [g](auto& values, std::size_t size) {
      return std::span(values).subspan(g * size, size);
    };
    const auto w = part(weight.values, block), v = part(weight_velocity_.values, block);
    const auto b = part(bias, rows), u = part(bias_velocity_, rows);
    const auto dw = part(gradient.weight.values, block);
    const auto db = part(gradient.bias, rows);
    const Step step{rate * s.learning_rate, s.weight_decay, momentum_};
    if (optimizer_ == HeadOptimizer::sgd) {
      sgd_step<T>(dw, step, v, w);
      sgd_step<T>(db, step, u, b);
    } else {
      constexpr double trust = 0.001;
      lars_step<T>(dw, step, trust, v, w);
      lars_step<T>(db, {step.rate, 0, momentum_}, 0, u, b);
    }
  }
}

template <class T>
std::vector<double> LinearHeads<T>::step(MatrixView<const T> x,
                                         std::span<const std::int32_t> labels, double rate) {
  check(x.rows > 0, "A linear head cannot learn from no rows.");
  Gradient mean;
  gradient(x, labels, 1 / static_cast<double>(x.rows), mean);
  update(mean, rate);
  return mean.losses;
}

template class LinearHeads<float>;
template class LinearHeads<double>;

}  // namespace ijepa
