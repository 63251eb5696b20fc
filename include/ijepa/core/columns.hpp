// Columns: means over the rows of a matrix in double precision, in the order of the rows.
#pragma once
#include <algorithm>
#include <functional>
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// Of each column; x has rows.
template <class T>
std::vector<double> column_means(const Matrix<T>& x) {
  std::vector<double> mean(static_cast<std::size_t>(x.cols));
  for (std::int64_t i = 0; i < x.rows; ++i)
    std::ranges::transform(mean, x.row(i), mean.begin(), std::plus<>());
  for (double& v : mean) v /= static_cast<double>(x.rows);
  return mean;
}

/// x less `mean` in every row.
template <class T>
Matrix<T> centred(const Matrix<T>& x, const std::vector<double>& mean) {
  Matrix<T> y = x;
  for (std::int64_t i = 0; i < y.rows; ++i)
    std::ranges::transform(y.row(i), mean, y.row(i).begin(), std::minus<>());
  return y;
}

}  // namespace ijepa
