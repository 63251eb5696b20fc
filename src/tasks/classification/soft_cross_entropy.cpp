#include "ijepa/tasks/classification/soft_cross_entropy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

#include "ijepa/core/error.hpp"
#include "ijepa/tasks/features/labelled.hpp"

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

void ClassifySums::add(MatrixView<const double> logits, std::span<const std::int32_t> labels,
                       std::span<const double> losses) {
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto rank = rank_of(logits.row(static_cast<std::int64_t>(i)), labels[i]);
    loss += losses[i];
    top1 += rank < 1 ? 1 : 0;
    top5 += rank < 5 ? 1 : 0;
    images += 1;
  }
}

void ClassifySums::add(const ClassifySums& other) {
  loss += other.loss;
  top1 += other.top1;
  top5 += other.top5;
  images += other.images;
}

void ClassifySums::reduce(Communicator& comm) {
  std::array<double, 4> all{loss, top1, top5, images};
  comm.all_reduce(all, Reduction::sum);
  *this = {all[0], all[1], all[2], all[3]};
}

}  // namespace ijepa
