#include "ijepa/tasks/linear_heads.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "gemm.hpp"
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

template <class T>
void momentum_step(std::span<const T> gradient, const HeadSettings& s, double momentum, double rate,
                   std::span<T> velocity, std::span<T> value) {
  for (std::size_t i = 0; i < value.size(); ++i) {
    const T g = gradient[i] + T(s.weight_decay) * value[i];
    velocity[i] = T(momentum) * velocity[i] + g;
    value[i] -= T(rate * s.learning_rate) * (g + T(momentum) * velocity[i]);
  }
}

}  // namespace

template <class T>
LinearHeads<T>::LinearHeads(std::int64_t width, std::int64_t classes,
                            std::vector<HeadSettings> settings, double momentum)
    : weight(static_cast<std::int64_t>(settings.size()) * classes, width),
      bias(settings.size() * index(classes)),
      classes_(classes),
      settings_(std::move(settings)),
      momentum_(momentum),
      weight_velocity_(weight.rows, width),
      bias_velocity_(bias.size()) {}

template <class T>
Matrix<T> LinearHeads<T>::logits(MatrixView<const T> x) const {
  Matrix<T> z(x.rows, weight.rows);
  multiply_transposed<T>(x, weight.view(), z.view());
  for (std::int64_t i = 0; i < z.rows; ++i)
    std::ranges::transform(z.row(i), bias, z.row(i).begin(), std::plus<>());
  return z;
}

template <class T>
std::vector<double> LinearHeads<T>::step(MatrixView<const T> x,
                                         std::span<const std::int32_t> labels, double rate) {
  check(x.cols == weight.cols && labels.size() == index(x.rows) && x.rows > 0,
        "A linear head of width {} got {} rows of width {} and {} labels.", weight.cols, x.rows,
        x.cols, labels.size());
  const auto batch = static_cast<double>(x.rows);
  std::vector<double> losses(settings_.size());
  auto dz = logits(x);
  std::vector<T> dbias(bias.size());
  for (std::int64_t i = 0; i < dz.rows; ++i) {
    for (std::size_t g = 0; g < losses.size(); ++g) {
      const auto z = dz.row(i).subspan(g * index(classes_), index(classes_));
      losses[g] += softmax_cross_entropy(z, index(labels[index(i)]), T(1 / batch)) / batch;
    }
    std::ranges::transform(dbias, dz.row(i), dbias.begin(), std::plus<>());
  }
  Matrix<T> dweight(weight.rows, weight.cols);
  transposed_multiply<T>(dz.view(), x, dweight.view());
  for (std::size_t g = 0; g < losses.size(); ++g) {
    const auto rows = index(classes_), block = rows * index(weight.cols);
    momentum_step<T>(std::span(dweight.values).subspan(g * block, block), settings_[g], momentum_,
                     rate, std::span(weight_velocity_.values).subspan(g * block, block),
                     std::span(weight.values).subspan(g * block, block));
    momentum_step<T>(std::span(dbias).subspan(g * rows, rows), settings_[g], momentum_, rate,
                     std::span(bias_velocity_).subspan(g * rows, rows),
                     std::span(bias).subspan(g * rows, rows));
  }
  return losses;
}

template class LinearHeads<float>;
template class LinearHeads<double>;

}  // namespace ijepa
