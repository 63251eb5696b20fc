// Similarity: the images whose features point in nearly the same direction, by Faiss (Johnson et
// al., arXiv 1702.08734), and what a cosine is worth.
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

/// How alike two images are among others. Cosines of features lie close together, and where depends
/// on the network, so that 0.99 alone may be much or little.
struct SimilarityScale {
  std::int64_t pairs = 0;        // looked at
  double below = 0, median = 0;  // the share of them that are less alike, and the middle of all
};

/// A cosine among those of pairs of different images, drawn at random from the pooled features in
/// `folder`. An Error unless they are of the encoder `identity` (encoder_identity()) and of at
/// least two images.
SimilarityScale similarity_scale(double similarity, const std::string& folder,
                                 const std::string& identity);

}  // namespace ijepa
