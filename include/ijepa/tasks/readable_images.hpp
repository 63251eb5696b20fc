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

/// Decodes every image once, as a network of `channels` reads it, shared out over the ranks; the
/// first bad ones are named in warnings. Leaves the others, in the order they had, and adds the bad
/// ones to `bad`. The same on all ranks. An Error if none can be read. Collective.
void leave_out_bad_images(std::unique_ptr<ImageSource>& images, std::vector<BadImage>& bad,
                          int threads, int channels, Communicator& comm, const Log& log);

/// bad_images.csv in `folder`: key and reason. Nothing where there are none.
void write_bad_images(const std::vector<BadImage>& bad, const std::string& folder);

}  // namespace ijepa
