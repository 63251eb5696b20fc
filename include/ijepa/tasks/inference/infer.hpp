// Infer: the features of many images, pooled or of every patch, into a folder of parts that the
// ranks share and an interrupted run goes on with.
#pragma once
#include <string>
#include <vector>

#include "ijepa/tasks/features/feature_file.hpp"
#include "ijepa/tasks/network/pretrained_encoder.hpp"

namespace ijepa {

struct InferSettings {
  std::string run, checkpoint;  // one of them
  std::string input;            // shards, a folder of images, or one image
  std::string out;              // folder
  EncoderChoice encoder = EncoderChoice::target;
  TaskPrecision precision = TaskPrecision::float32;  // automatic: that of parts that are there
  bool pooled = true, tokens = false;                // what is kept
  bool csv = false;                                  // features.csv beside the parts
  std::vector<std::string> pca;  // keys or numbers of images to be shown in pca.png
  std::int64_t part_images = 0;  // of a part; 0: about 256 MiB, at most 8192
  bool skip_bad = false;         // leave out images that cannot be read, and list them
  int threads = 0;               // a rank; 0: as the run was configured
};

/// Parts are the same bytes for any number of ranks. A part that is there is not made again; a
/// folder with other features is refused. An Error names an image that cannot be read, unless those
/// are left out; parts already written stay. Collective.
FeatureManifest infer_features(const InferSettings& settings, Communicator& comm, const Log& log);

}  // namespace ijepa
