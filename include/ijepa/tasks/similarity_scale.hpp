// Similarity scale: how alike two images are among others. Cosines of features lie close together,
// and where depends on the network, so that 0.99 alone may be much or little.
#pragma once
#include <cstdint>
#include <string>

namespace ijepa {

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
