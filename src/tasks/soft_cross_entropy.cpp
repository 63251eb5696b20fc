#include "ijepa/tasks/soft_cross_entropy.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// z to softmax(z); returns log sum exp(z).
double softmax(std::span<double> z) {
  const double top = *std::ranges::max_element(z);
  double sum = 0;
  for (double& v : z) sum += v = std::exp(v - top);
  for (double& v : z) v /= sum;
  return top + std::log(sum);
}

}  // namespace

std::vector<double> soft_cross_entropy(MatrixView<double> logits, MatrixView<const double> targets,
                                       double scale) {
  check(logits.rows == targets.rows && logits.cols == targets.cols,
        "Logits ({}, {}) were given with targets ({}, {}).", logits.rows, logits.cols, targets.rows,
        targets.cols);
  std::vector<double> losses;
  for (std::int64_t i = 0; i < logits.rows; ++i) {
    const auto z = logits.row(i);
    const auto t = targets.row(i);
    const double own = std::inner_product(z.begin(), z.end(), t.begin(), 0.0);
    losses.push_back(softmax(z) - own);  // sum_c t_c (log sum exp - z_c), since t sums to 1
    std::ranges::transform(z, t, z.begin(),
                           [scale](double p, double s) { return scale * (p - s); });
  }
  return losses;
}

void softmax_rows(MatrixView<double> logits) {
  for (std::int64_t i = 0; i < logits.rows; ++i) softmax(logits.row(i));
}

}  // namespace ijepa
