// Statistics: mean and deviation of each channel over the images of a shard set, as the lines of a
// configuration that say so.
#pragma once
#include <cstdint>
#include <string>

namespace ijepa::tools {

struct StatisticsOptions {
  bool wanted = false;
  std::string shards;       // folder or file
  int channels = 3;         // that images are read as
  std::int64_t images = 0;  // spread over the set; 0: all
  std::int64_t max_pixels = 0;
  int threads = 1;
};

/// TOML: data.channels, data.mean and data.std, with a comment that says of what. The same for any
/// number of threads. Images that cannot be decoded are left out and counted; one of other channels
/// is an Error that names it, and so is a set of none that can be decoded.
std::string statistics_text(const StatisticsOptions& options);

}  // namespace ijepa::tools
