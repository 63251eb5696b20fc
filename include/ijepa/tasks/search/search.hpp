// Search: the nearest images of images, by the features that ijepa-infer wrote.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ijepa/tasks/features/similarity_index.hpp"
#include "ijepa/tasks/features/similarity_scale.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"

namespace ijepa {

struct SearchSettings {
  std::string features;              // folder of ijepa-infer
  std::string beside;                // another of the same images, to compare with; empty: none
  std::string out;                   // folder for nearest.csv, hits.png, precision.csv
  std::vector<std::string> queries;  // images of the features, by key or number, ...
  std::vector<std::string> files;    // ... and image files
  bool all = false;                  // every image of the features is a query
  std::int64_t k = 10;
  bool centred = false;         // features less the mean of their folder's
  std::string index = "Flat";   // SimilarityIndex's kind
  std::string run, checkpoint;  // of `files`; both empty: where the features came from
  std::string images;  // of the features, for hits.png; empty: where ijepa-infer found them
  int threads = 0;
};

/// Share of the first k hits that are of the query's class, mean over the labelled queries.
struct PrecisionAt {
  std::int64_t k = 0;
  double share = 0;
};

struct SearchResult {
  std::vector<std::string> queries;           // keys or paths
  std::vector<std::vector<Hit>> hits;         // of each, nearest first, never itself
  std::vector<std::string> keys;              // of the images that hits number
  std::vector<PrecisionAt> precision;         // at 1, 5, 10, ... up to k; empty without labels
  std::vector<std::vector<Hit>> beside_hits;  // by the features beside; empty without them
  std::vector<PrecisionAt> beside;            // and their precision
  double chance = 0;                          // the precision of hits at random
  std::optional<SimilarityScale> scale, beside_scale;  // of these features, on rank 0
};

/// Queries go round the ranks in blocks, so hits do not depend on their number; the result is rank
/// 0's. Writes nearest.csv (query, rank, key, similarity, the percentage of random pairs that are
/// less alike), precision.csv where there are labels, and, unless every image is a query, hits.png.
/// An Error unless the features beside are of the same images. Collective.
SearchResult search_images(const SearchSettings& settings, Communicator& comm, const Log& log);

/// Precision, and the hits of up to ten queries, as lines for people.
std::string as_text(const SearchResult& result);

/// The cosine similarity of two image files, by the encoder of a checkpoint.
double image_similarity(const std::pair<std::string, std::string>& files, FrozenEncoder& encoder);

}  // namespace ijepa
