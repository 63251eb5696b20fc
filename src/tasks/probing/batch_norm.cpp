#include "ijepa/tasks/probing/batch_norm.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr double epsilon = 1e-6, share_of_new = 0.1;

using Channels = std::vector<double>;

/// The sums over all ranks, in rank order.
void add_up(Channels& sums, Communicator& comm) {
  const auto n = static_cast<std::int64_t>(sums.size());
  comm.wait(comm.all_reduce_sum_async(make_tensor(sums.data(), DType::f64, {n})));
}

/// The mean of f(x) a channel over the `count` rows of all ranks.
template <class F>
Channels mean_of(MatrixView<const float> x, double count, Communicator& comm, const F& f) {
  Channels sums(static_cast<std::size_t>(x.cols));
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const auto row = x.row(i);
    for (std::size_t d = 0; d < sums.size(); ++d) sums[d] += f(static_cast<double>(row[d]), d);
  }
  add_up(sums, comm);
  for (auto& s : sums) s /= count;
  return sums;
}

Matrix<float> normalised(MatrixView<const float> x, const Channels& mean,
                         const Channels& variance) {
  std::vector<float> shift(mean.size()), scale(mean.size());
  for (std::size_t d = 0; d < mean.size(); ++d) {
    shift[d] = static_cast<float>(mean[d]);
    scale[d] = static_cast<float>(1 / std::sqrt(variance[d] + epsilon));
  }
  Matrix<float> y(x.rows, x.cols);
  for (std::int64_t i = 0; i < x.rows; ++i) {
    const auto from = x.row(i);
    const auto to = y.row(i);
    for (std::size_t d = 0; d < shift.size(); ++d) to[d] = (from[d] - shift[d]) * scale[d];
  }
  return y;
}

}  // namespace

Matrix<float> BatchNorm::train(MatrixView<const float> x, std::int64_t global, Communicator& comm) {
  check(global >= 1 && x.rows <= global, "A batch of {} rows has {} here.", global, x.rows);
  const auto count = static_cast<double>(global);
  const auto mean = mean_of(x, count, comm, [](double v, std::size_t) { return v; });
  const auto variance = mean_of(
      x, count, comm, [&](double v, std::size_t d) { return (v - mean[d]) * (v - mean[d]); });
  const double weight = started_ ? share_of_new : 1;
  started_ = true;
  for (std::size_t d = 0; d < mean.size(); ++d) {
    mean_[d] += weight * (mean[d] - mean_[d]);
    variance_[d] += weight * (variance[d] * count / std::max(count - 1, 1.0) - variance_[d]);
  }
  return normalised(x, mean, variance);
}

Matrix<float> BatchNorm::evaluate(MatrixView<const float> x) const {
  return normalised(x, mean_, variance_);
}

}  // namespace ijepa
