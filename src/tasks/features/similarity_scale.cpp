#include "ijepa/tasks/features/similarity_scale.hpp"

#include <algorithm>
#include <numeric>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/tasks/features/feature_file.hpp"
#include "ijepa/tasks/features/similarity_index.hpp"

namespace ijepa {

SimilarityScale::SimilarityScale(const Matrix<float>& rows) {
  constexpr std::size_t pairs = 10'000;
  if (rows.rows < 2) return;
  const auto images = static_cast<std::uint64_t>(rows.rows);
  Rng rng(0, Purpose::probe);
  for (std::size_t i = 0; i < pairs; ++i) {
    const auto a = rng.below(images), step = 1 + rng.below(images - 1);
    const auto x = rows.row(static_cast<std::int64_t>(a)),
               y = rows.row(static_cast<std::int64_t>((a + step) % images));
    cosines_.push_back(std::inner_product(x.begin(), x.end(), y.begin(), 0.0));
  }
  std::ranges::sort(cosines_);
}

double SimilarityScale::below(double cosine) const {
  if (cosines_.empty()) return 0;
  const auto less = std::ranges::lower_bound(cosines_, cosine) - cosines_.begin();
  return static_cast<double>(less) / static_cast<double>(cosines_.size());
}

SimilarityScale similarity_scale(const std::string& folder, const std::string& identity) {
  const auto manifest = read_feature_manifest(folder);
  check(manifest.identity.encoder == identity,
        "The features in {} are of another encoder than the one asked: give those that ijepa-infer "
        "made by it.",
        folder);
  const auto rows = unit_rows(read_pooled_features(folder, manifest).pooled);
  check(rows.rows > 1, "{} holds features of one image, which is no scale.", folder);
  return SimilarityScale(rows);
}

}  // namespace ijepa
