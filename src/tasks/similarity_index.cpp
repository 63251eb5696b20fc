#include "ijepa/tasks/similarity_index.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/feature_file.hpp"

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

SimilarityScale similarity_scale(double similarity, const std::string& folder,
                                 const std::string& identity) {
  constexpr std::size_t pairs = 10'000;
  const auto manifest = read_feature_manifest(folder);
  check(manifest.identity.encoder == identity,
        "The features in {} are of another encoder than the one asked: give those that ijepa-infer "
        "made by it.",
        folder);
  const auto rows = unit_rows(read_pooled_features(folder, manifest).pooled);
  check(rows.rows > 1, "{} holds features of one image, which is no scale.", folder);
  const auto images = static_cast<std::uint64_t>(rows.rows);
  Rng rng(0, Purpose::probe);
  std::vector<double> found(pairs);
  for (auto& cosine : found) {
    const auto a = rng.below(images), step = 1 + rng.below(images - 1);
    const auto x = rows.row(static_cast<std::int64_t>(a)),
               y = rows.row(static_cast<std::int64_t>((a + step) % images));
    cosine = std::inner_product(x.begin(), x.end(), y.begin(), 0.0);
  }
  const auto less = std::ranges::count_if(found, [&](double c) { return c < similarity; });
  const auto middle = found.begin() + std::ssize(found) / 2;
  std::ranges::nth_element(found, middle);
  return {std::ssize(found), static_cast<double>(less) / static_cast<double>(pairs), *middle};
}

}  // namespace ijepa
