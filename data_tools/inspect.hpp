// What ijepa-inspect says about a shard set, and the checks it makes.
#pragma once
#include <cstdint>
#include <string>

#include "ijepa/data/shard_set.hpp"

namespace ijepa::tools {

/// Shards, images, classes, a histogram of image sizes, bytes, fingerprint: several lines.
std::string describe_set(const ShardSet& set, const std::string& path);

/// One line an image: index, bytes, label, class, key.
std::string describe_image(const ShardSet& set, std::int64_t image);

struct Damage {
  std::int64_t images = 0;  // whose bytes, key or label are not those that were packed
  std::string report;       // a line for each of the first ones
};

/// Reads every image of every shard on `threads` threads and compares checksums.
Damage verify_set(const ShardSet& set, int threads);

/// A PNG of at most `columns` x `rows` images spread evenly over the set, each above its class and
/// fitted into a square of `side` pixels. An image that cannot be decoded is a red square.
void write_contact_sheet(const ShardSet& set, int columns, int rows, int side,
                         const std::string& path);

}  // namespace ijepa::tools
