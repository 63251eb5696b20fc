// Similarity scale: how alike two images are among others. Cosines of features lie close together,
// and where depends on the network, so that 0.99 alone may be much or little.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/core/matrix.hpp"

namespace ijepa {

/// The cosines of pairs of different images, drawn at random: always the same pairs.
class SimilarityScale {
 public:
  /// `rows` (images, D) are unit_rows() of features; of one image nothing is below or above.
  explicit SimilarityScale(const Matrix<float>& rows);

  std::int64_t pairs() const { return static_cast<std::int64_t>(cosines_.size()); }
  /// The share of the pairs that are less alike.
  double below(double cosine) const;
  /// Half of the pairs are more alike.
  double median() const { return cosines_.at(cosines_.size() / 2); }

 private:
  std::vector<double> cosines_;  // rising
};

/// That of the pooled features in `folder`. An Error unless they are of the encoder `identity`
/// (encoder_identity()) and of at least two images.
SimilarityScale similarity_scale(const std::string& folder, const std::string& identity);

}  // namespace ijepa
