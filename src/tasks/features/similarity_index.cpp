#include "ijepa/tasks/features/similarity_index.hpp"

#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {

Matrix<float> unit_rows(const Matrix<float>& features) {
  auto rows = features;
  for (std::int64_t i = 0; i < rows.rows; ++i) {
    double squares = 0;
    for (const double v : rows.row(i)) squares += v * v;
    check(std::isfinite(squares), "The features of image {} hold NaN or infinity.", i);
    const double scale = squares > 0 ? 1 / std::sqrt(squares) : 0;
    for (auto& v : rows.row(i)) v = static_cast<float>(scale * v);
  }
  return rows;
}

}  // namespace ijepa
