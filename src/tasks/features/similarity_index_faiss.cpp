#include <faiss/Index.h>
#include <faiss/index_factory.h>

#include <algorithm>

#include "ijepa/core/error.hpp"
#include "ijepa/tasks/features/similarity_index.hpp"

namespace ijepa {

class SimilarityIndex::Impl {
 public:
  std::unique_ptr<faiss::Index> index;
};

SimilarityIndex::SimilarityIndex(const Matrix<float>& rows, const std::string& kind)
    : impl_(std::make_unique<Impl>()) {
  try {
    impl_->index.reset(faiss::index_factory(static_cast<int>(rows.cols), kind.c_str(),
                                            faiss::METRIC_INNER_PRODUCT));
    impl_->index->train(rows.rows, rows.values.data());
    impl_->index->add(rows.rows, rows.values.data());
  } catch (const std::exception& e) {
    const std::string reason = e.what();
    fail("Faiss cannot make an index \"{}\" of {} features of width {}: {}.", kind, rows.rows,
         rows.cols, reason.substr(reason.rfind(": ") + 2));
  }
}

SimilarityIndex::~SimilarityIndex() = default;

std::vector<std::vector<Hit>> SimilarityIndex::nearest(MatrixView<const float> queries,
                                                       std::int64_t k) const {
  const auto count = static_cast<std::size_t>(queries.rows), each = static_cast<std::size_t>(k);
  std::vector<float> similarity(count * each);
  std::vector<std::int64_t> image(count * each);
  impl_->index->search(queries.rows, queries.data, k, similarity.data(), image.data());
  std::vector<std::vector<Hit>> hits(count);
  for (std::size_t q = 0; q < count; ++q) {
    for (std::size_t i = q * each; i < (q + 1) * each; ++i)
      if (image[i] >= 0) hits[q].push_back({image[i], similarity[i]});
    std::ranges::sort(hits[q], [](const Hit& a, const Hit& b) {
      return a.similarity != b.similarity ? a.similarity > b.similarity : a.image < b.image;
    });
  }
  return hits;
}

}  // namespace ijepa
