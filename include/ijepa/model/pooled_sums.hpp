// PooledSums: what the pooled losses need to know of all images of a step, as plain sums in
// float64, so that those of micro-batches and ranks add up, and the losses' exact values and
// gradients for them. Pure functions of numbers on the host.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// Sums over rows z (D), the mean context features of a sequence, and g (D), the mean target
/// features of its image, in one flat row: [n | z | g | g^2 | z z^T (D x D)].
class PooledSums {
 public:
  /// `products`: whether z z^T is kept.
  PooledSums(std::int64_t width, bool products);

  /// Adds rows: `scatter` (D x D), if products are kept, is the sum of (z - m)(z - m)^T around the
  /// rows' own mean m, which keeps float32 sums from cancelling.
  void add(MatrixView<const double> z, MatrixView<const double> g, std::span<const double> scatter);
  /// All numbers, to be added to those of other rows.
  std::span<double> flat() { return values_; }

  std::int64_t width() const { return width_; }
  double count() const { return values_[0]; }
  std::vector<double> mean() const;
  /// sum (z - mean)(z - mean)^T / (n - 1).
  Matrix<double> covariance() const;
  /// Mean and deviation (divided by n - 1) of each feature of g.
  struct Goal {
    std::vector<double> mean, deviation;
  };
  Goal goal() const;

 private:
  std::span<const double> part(std::int64_t index) const;
  std::span<double> part(std::int64_t index);
  std::span<double> products();

  std::int64_t width_;
  std::vector<double> values_;
};

/// V + R of VICReg (Bardes et al., arXiv 2105.04906, section 4.1), as C-JEPA adds them to I-JEPA
/// (Mo and Tong, arXiv 2410.19560): with C the covariance of n rows z,
///   s_d = sqrt(C_dd + 1e-4),  V = mean over d of max(0, 1 - s_d),  R = sum over d != e of C_de^2 /
///   D
/// d(V + R)/dz_i = M (z_i - mean), M symmetric.
struct VarianceCovariance {
  double value = 0;
  Matrix<double> gradient;  // M (D, D)
};
VarianceCovariance variance_covariance(const PooledSums& sums);

/// The mean over d of mean_d^2: without it images share a large part of z, so that all of them are
/// alike by their angle. VICReg leaves the mean free; a standard normal distribution of features,
/// as SIGReg asks for (Balestriero and LeCun, arXiv 2511.08544), has none.
struct Centre {
  double value = 0;
  std::vector<double> gradient;  // (D), by every row z_i: 2 mean_d / (D n)
};
Centre centre(const PooledSums& sums);

}  // namespace ijepa
