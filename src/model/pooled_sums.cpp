#include "ijepa/model/pooled_sums.hpp"

#include <algorithm>
#include <cmath>
#include <functional>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr std::int64_t z_part = 0, goal_part = 1, goal_squares_part = 2, parts = 3;

void add_rows(MatrixView<const double> rows, std::span<double> sum) {
  for (std::int64_t i = 0; i < rows.rows; ++i)
    std::ranges::transform(sum, rows.row(i), sum.begin(), std::plus<>());
}

}  // namespace

PooledSums::PooledSums(std::int64_t width, bool products)
    : width_(width),
      values_(static_cast<std::size_t>(1 + parts * width + (products ? width * width : 0))) {}

std::span<const double> PooledSums::part(std::int64_t index) const {
  return std::span(values_).subspan(static_cast<std::size_t>(1 + index * width_),
                                    static_cast<std::size_t>(width_));
}

std::span<double> PooledSums::part(std::int64_t index) {
  return std::span(values_).subspan(static_cast<std::size_t>(1 + index * width_),
                                    static_cast<std::size_t>(width_));
}

std::span<double> PooledSums::products() {
  return std::span(values_).subspan(static_cast<std::size_t>(1 + parts * width_));
}

void PooledSums::add(MatrixView<const double> z, MatrixView<const double> g,
                     std::span<const double> scatter) {
  const auto n = static_cast<double>(z.rows);
  values_[0] += n;
  std::vector<double> own(static_cast<std::size_t>(width_));
  add_rows(z, own);
  std::ranges::transform(part(z_part), own, part(z_part).begin(), std::plus<>());
  add_rows(g, part(goal_part));
  for (std::int64_t i = 0; i < g.rows; ++i)
    std::ranges::transform(part(goal_squares_part), g.row(i), part(goal_squares_part).begin(),
                           [](double sum, double v) { return sum + v * v; });
  const auto outer = products();
  check(outer.size() == scatter.size(), "Sums of {} products were given {}.", outer.size(),
        scatter.size());
  for (std::size_t k = 0; k < outer.size(); ++k)
    outer[k] += scatter[k] + own[k / own.size()] * own[k % own.size()] / n;
}

std::vector<double> PooledSums::mean() const {
  std::vector<double> mean(part(z_part).begin(), part(z_part).end());
  for (double& v : mean) v /= count();
  return mean;
}

Matrix<double> PooledSums::covariance() const {
  Matrix<double> c(width_, width_);
  const auto outer = std::span(values_).subspan(static_cast<std::size_t>(1 + parts * width_));
  const auto m = mean();
  for (std::size_t k = 0; k < outer.size(); ++k)
    c.values[k] = (outer[k] - count() * m[k / m.size()] * m[k % m.size()]) / (count() - 1);
  return c;
}

PooledSums::Goal PooledSums::goal() const {
  Goal goal;
  const auto sums = part(goal_part), squares = part(goal_squares_part);
  for (std::size_t d = 0; d < sums.size(); ++d) {
    const double mean = sums[d] / count();
    const double variance = (squares[d] - count() * mean * mean) / (count() - 1);
    goal.mean.push_back(mean);
    goal.deviation.push_back(std::sqrt(std::max(variance, 0.0)));
  }
  return goal;
}

VarianceCovariance variance_covariance(const PooledSums& sums) {
  constexpr double epsilon = 1e-4;
  const std::int64_t width = sums.width();
  const auto size = static_cast<double>(width), scale = 1 / (size * (sums.count() - 1));
  VarianceCovariance out{0, sums.covariance()};
  for (std::int64_t d = 0; d < width; ++d) {
    const auto row = out.gradient.row(d);
    for (std::int64_t e = 0; e < width; ++e) {
      double& entry = row[static_cast<std::size_t>(e)];
      if (d != e) {
        out.value += entry * entry / size;
        entry *= 4 * scale;
        continue;
      }
      const double deviation = std::sqrt(entry + epsilon);
      out.value += std::max(0.0, 1 - deviation) / size;
      entry = deviation < 1 ? -scale / deviation : 0;
    }
  }
  return out;
}

Centre centre(const PooledSums& sums) {
  Centre out{0, sums.mean()};
  const auto size = static_cast<double>(sums.width());
  for (double& m : out.gradient) {
    out.value += m * m / size;
    m *= 2 / (size * sums.count());
  }
  return out;
}

}  // namespace ijepa
