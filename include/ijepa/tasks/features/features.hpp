// Features: chosen images of a shard set through feature maps, in one pass over the images that is
// shared by the ranks. Each rank keeps what it computed.
#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/loading/loader.hpp"
#include "ijepa/tasks/features/feature_file.hpp"
#include "ijepa/tasks/features/feature_map.hpp"
#include "ijepa/tasks/features/labelled.hpp"
#include "ijepa/tasks/images/image_choice.hpp"

namespace ijepa {

/// Images [first, first + count) of a list.
struct FeaturePart {
  std::int64_t number = 0, first = 0, count = 0;
};

/// Features that were computed once, as feature parts in a folder named by what they are of. What
/// is there is used only if it says what was asked for and has its checksum.
class FeatureCache {
 public:
  /// `folder` is made with the first part; empty: nothing is kept.
  FeatureCache(std::string folder, const Log& log) : folder_(std::move(folder)), log_(log) {}

  /// Whether anything of this is kept.
  bool keeps(const FeatureIdentity& identity) const {
    return !folder_.empty() && !identity.encoder.empty();
  }
  /// The part's pooled features of this width; nothing when they are not there. Damaged or foreign
  /// ones are named in a warning and are not used.
  std::optional<Matrix<float>> read(const FeatureIdentity& identity, const FeaturePart& part,
                                    std::int64_t width) const;
  /// A folder that cannot be written is named in one warning; the features are not lost with it.
  void write(const FeatureIdentity& identity, const FeaturePart& part, const FeatureRows& rows);

 private:
  std::string path_of(const FeatureIdentity& identity, const FeaturePart& part) const;

  std::string folder_;
  Log log_;
};

using FeatureMaps = std::vector<std::unique_ptr<FeatureMap>>;

struct ExtractOptions {
  Size crop;                      // of the evaluation transform: resize, centre crop
  std::int64_t batch = 128;       // images at once
  int threads = 2;                // that decode
  int channels = 3;               // that images are read as
  std::string task = "features";  // as people are told how far it is
};

/// How pictures are read for judging features: none is replaced by another one.
LoaderOptions reading_options(const ExtractOptions& options);

/// The parts that `images` images are cut into: as many as 64 ranks share evenly, where there are
/// so many batches, of 1 to 16 batches. Ranks do not enter.
std::vector<FeaturePart> feature_parts(std::int64_t images, std::int64_t batch);

/// One set a map: this rank's share, the parts of the images whose numbers are rank, rank + ranks,
/// ... Every bit of a row is the same for any number of ranks, since parts and batches are. Parts
/// found in the cache are not computed again. An image that cannot be read is an
/// AgreedError that names it. Collective.
std::vector<LabelledFeatures> extract_features(const Dataset& dataset, const ImageChoice& images,
                                               const FeatureMaps& maps,
                                               const ExtractOptions& options, Communicator& comm,
                                               FeatureCache& cache);
/// The same of all images, without a cache.
std::vector<LabelledFeatures> extract_features(const Dataset& dataset, const FeatureMaps& maps,
                                               const ExtractOptions& options, Communicator& comm);

}  // namespace ijepa
