// The index of a build without Faiss: every query against every image.
#include <algorithm>

#include "gemm.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/tasks/features/similarity_index.hpp"

namespace ijepa {

class SimilarityIndex::Impl {
 public:
  Matrix<float> rows;
};

SimilarityIndex::SimilarityIndex(const Matrix<float>& rows, const std::string& kind)
    : impl_(std::make_unique<Impl>()) {
  check(kind == "Flat",
        "The index \"{}\" is one of Faiss's, which this build has not: use \"Flat\", or configure "
        "with -DIJEPA_FAISS=ON.",
        kind);
  impl_->rows = rows;
}

SimilarityIndex::~SimilarityIndex() = default;

std::vector<std::vector<Hit>> SimilarityIndex::nearest(MatrixView<const float> queries,
                                                       std::int64_t k) const {
  constexpr std::int64_t numbers_at_once = 1 << 24;
  const auto& rows = impl_->rows;
  const auto kept = static_cast<std::ptrdiff_t>(std::clamp<std::int64_t>(k, 0, rows.rows));
  const auto before = [](const Hit& a, const Hit& b) {
    return a.similarity != b.similarity ? a.similarity > b.similarity : a.image < b.image;
  };
  std::vector<std::vector<Hit>> hits;
  const auto block =
      std::max<std::int64_t>(1, numbers_at_once / std::max<std::int64_t>(1, rows.rows));
  for (std::int64_t first = 0; first < queries.rows; first += block) {
    const auto count = std::min(block, queries.rows - first);
    Matrix<float> similarity(count, rows.rows);
    multiply_transposed<float>(queries.slice(first, count), rows.view(), similarity.view());
    for (std::int64_t q = 0; q < count; ++q) {
      std::vector<Hit> all;
      for (std::int64_t i = 0; i < rows.rows; ++i)
        all.push_back({i, similarity.row(q)[static_cast<std::size_t>(i)]});
      std::ranges::partial_sort(all, all.begin() + kept, before);
      hits.emplace_back(all.begin(), all.begin() + kept);
    }
  }
  return hits;
}

}  // namespace ijepa
