// Readable images: a source without those of its images that cannot be decoded, which are listed.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/image_source.hpp"

namespace ijepa {

struct BadImage {
  std::string key, reason;
};

struct ReadableImages {
  std::unique_ptr<ImageSource> images;  // in the order they had
  std::vector<BadImage> bad;
};

/// Decodes every image once, as a network of `channels` reads it, shared out over the ranks; the
/// first bad ones are named in warnings. The same on all ranks. An Error if none can be read.
/// Collective.
ReadableImages without_bad_images(std::unique_ptr<ImageSource> images, int threads,
                                  Communicator& comm, const Log& log, int channels);

/// bad_images.csv in `folder`: key and reason. Nothing where there are none.
void write_bad_images(const std::vector<BadImage>& bad, const std::string& folder);

}  // namespace ijepa
