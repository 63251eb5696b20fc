#include "ijepa/model/target_moments.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"
#include "ijepa/device/host_values.hpp"
#include "ijepa/model/device_plan.hpp"

namespace ijepa {
namespace {

constexpr double slowest = 0.99, deviation_epsilon = 1e-4;

}  // namespace

TargetMoments::TargetMoments(std::int64_t tokens, std::int64_t width)
    : tokens_(static_cast<std::size_t>(tokens)),
      width_(static_cast<std::size_t>(width)),
      values_(1 + (tokens_ + 1) * width_) {
  std::ranges::fill(std::span(values_).last(width_), 1.0);
}

std::span<const double> TargetMoments::mean() const {
  return std::span(values_).subspan(1, tokens_ * width_);
}

std::span<const double> TargetMoments::variance() const {
  return std::span(values_).last(width_);
}

// E[(h - new mean)^2] = E[(z - e)^2], e the way the mean went: what the sums around the former mean
// tell without cancelling.
void TargetMoments::update(std::span<const double> sums) {
  check(sums.size() == values_.size(), "Moments of {} numbers were given {}.", values_.size(),
        sums.size());
  const double images = sums[0], own = 1 - std::min(slowest, values_[0] / (values_[0] + 1));
  const auto z = sums.subspan(1, tokens_ * width_), squares = sums.last(width_);
  std::vector<double> around(squares.begin(), squares.end());
  for (std::size_t k = 0; k < z.size(); ++k) {
    const double way = own * z[k] / images;
    values_[1 + k] += way;
    around[k % width_] += way * (images * way - 2 * z[k]);
  }
  const auto variances = std::span(values_).last(width_);
  for (std::size_t d = 0; d < width_; ++d) {
    const double batch = std::max(0.0, around[d] / (images * static_cast<double>(tokens_)));
    variances[d] += own * (batch - variances[d]);
  }
  ++values_[0];
}

std::vector<double> TargetMoments::shift() const {
  std::vector<double> shift(mean().begin(), mean().end());
  for (double& v : shift) v = -v;
  return shift;
}

std::vector<double> TargetMoments::factor() const {
  std::vector<double> factor(variance().begin(), variance().end());
  for (double& v : factor) v = 1 / (std::sqrt(v) + deviation_epsilon);
  return factor;
}

std::vector<double> target_sums(Pass& p, Tensor features, Tensor shift) {
  const DType type = p.precision.statistics();
  const std::int64_t tokens = shift.rows(), width = shift.cols(), images = features.rows() / tokens;
  std::vector<std::int32_t> by_position;
  for (std::int64_t i = 0; i < tokens * images; ++i)
    by_position.push_back(static_cast<std::int32_t>(i % images * tokens + i / images));
  const std::size_t mark = p.arena.mark();
  const Tensor z = p.arena.keep(type, {features.rows(), width});
  p.ops.copy(features, z);
  p.ops.add_table_rows(z, shift, {});
  const Tensor sums = p.arena.keep(type, {tokens, width});
  p.ops.gather_sum_rows(z, upload_indices(p, by_position), {}, sums);
  const Tensor products = p.arena.keep(type, {width, width});
  p.ops.linear_backward_params(z, z, products, {}, Write::overwrite);
  std::vector<double> all{static_cast<double>(images)};
  const auto of_positions = download_values(p.ops, sums), outer = download_values(p.ops, products);
  all.insert(all.end(), of_positions.begin(), of_positions.end());
  for (std::int64_t d = 0; d < width; ++d)
    all.push_back(outer[static_cast<std::size_t>(d * (width + 1))]);
  p.arena.release(mark);
  return all;
}

}  // namespace ijepa
