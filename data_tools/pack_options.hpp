// PackOptions: what ijepa-shards is asked to do.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/data/images/image.hpp"

namespace ijepa::tools {

/// How each image is checked and, if asked for, made smaller.
struct ImageRules {
  int short_side = 0;  // larger images are resized to it and stored as JPEG; 0: original bytes
  int channels = 3;    // that images must be readable as (SampleDecoder where it is not 3)
  int quality = 90;    // of those JPEGs, 1 to 100
  std::int64_t max_pixels = ImageDecoder::default_max_pixels;
};

/// What the user says about the folders of the input instead of having it guessed.
struct LayoutChoice {
  struct NamedSplit {
    std::string name, folder;  // "train" and "data/images_train"
  };

  std::string subdir;              // only what lies below it, "" for all
  bool no_splits = false;          // folders named like splits are classes
  std::vector<NamedSplit> splits;  // these alone, below subdir
  std::string input_name;          // of the input itself, without the archive's ending
};

struct PackOptions {
  std::string input;  // folder or archive
  std::string out;    // folder of the shard set
  LayoutChoice layout;
  std::int64_t shard_bytes = std::int64_t{1} << 30;  // of original images, on average
  std::int64_t images_per_shard = 0;                 // instead of shard_bytes where not 0
  double test_share = 0;                             // put aside where the input has no two splits
  std::uint64_t seed = 0;                            // of the order
  ImageRules image;
  int threads = 1;  // that decode, in each rank
};

}  // namespace ijepa::tools
