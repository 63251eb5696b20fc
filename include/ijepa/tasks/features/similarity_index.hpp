// SimilarityIndex: the images whose features point in nearly the same direction, by Faiss (Johnson
// et al., arXiv 1702.08734).
#pragma once
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

struct Hit {
  std::int64_t image = 0;
  float similarity = 0;  // cosine
};

/// Rows of length 1; a row of zeros stays. An Error for a row with NaN or infinity.
Matrix<float> unit_rows(const Matrix<float>& features);

class SimilarityIndex {
 public:
  /// `rows` (n, D) of length 1. `kind` is a text of Faiss's index factory: "Flat" is exact,
  /// "HNSW32" or "IVF1024,Flat" are faster and approximate. An Error when Faiss refuses it, and for
  /// all but "Flat" in a build without Faiss.
  SimilarityIndex(const Matrix<float>& rows, const std::string& kind);
  ~SimilarityIndex();
  SimilarityIndex(const SimilarityIndex&) = delete;
  SimilarityIndex& operator=(const SimilarityIndex&) = delete;

  /// The at most k nearest of each query (m, D) of length 1, nearest first; of equals the lower
  /// number first. The same queries in one call give the same hits.
  std::vector<std::vector<Hit>> nearest(MatrixView<const float> queries, std::int64_t k) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace ijepa
