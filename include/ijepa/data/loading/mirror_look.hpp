// Whether mirrored images look like the images of a set: photographs do, letters do not, and who
// mirrors letters teaches a network that they are the same.
#pragma once
#include <cstdint>

#include "ijepa/data/shards/shard_set.hpp"

namespace ijepa {

/// What was found. `farther`: the share of images whose mirror image is farther from its nearest
/// one among the others than the image itself is, ties counted half and those left out that are
/// much nearer than two images of the set usually are, such as shots of one thing. About 0.5 where
/// left and right are alike; 0.5 of 0 images where there is nothing to compare.
struct MirrorLook {
  double farther = 0.5;
  std::int64_t images = 0;
  /// Farther so often that it is no chance: more than 60 % of a thousand images, 69 % of 128.
  bool one_sided() const;
};

/// Compares grey thumbnails of 16 x 16 cells by their squared distances. Reads `count` images
/// spread over the set as `channels` channels; those that cannot be decoded are left out.
MirrorLook look_at_mirrored(const ShardSet& set, int channels, std::int64_t count);

}  // namespace ijepa
