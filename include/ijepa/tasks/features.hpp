// Features: all images of a shard set through feature maps, in one pass over the images that is
// shared by the ranks.
#pragma once
#include <memory>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/data/shard_set.hpp"
#include "ijepa/tasks/feature_map.hpp"
#include "ijepa/tasks/labelled.hpp"

namespace ijepa {

struct ExtractOptions {
  Size crop;                 // of the evaluation transform: resize, centre crop
  std::int64_t batch = 128;  // images at once
  int threads = 2;           // that decode
};

/// One set of features a map, in the order of the images, on rank 0; empty sets elsewhere. Batches
/// are the same whatever the number of ranks, and so is every bit of the result. Other ranks never
/// hold more than one round of batches. An image that cannot be read is named in the log and is an
/// Error. Collective.
std::vector<LabelledFeatures> extract_features(const ShardSet& shards,
                                               const std::vector<std::unique_ptr<FeatureMap>>& maps,
                                               const ExtractOptions& options, Communicator& comm);

}  // namespace ijepa
