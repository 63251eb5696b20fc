// Probe images: the labelled training and test images of a probe, checked before anything costly is
// computed.
#pragma once
#include <string>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/tasks/image_choice.hpp"

namespace ijepa {

struct ProbeImages {
  ShardSet train, test;
  ImageChoice train_images, test_images;  // that take part
};

struct ProbeRequest {
  std::string train, test;  // shards
  std::string subset;       // of the training images, see choose_images()
  std::uint64_t seed = 0;   // of the subset
  std::int64_t most = 0;    // images of each set, the first ones; 0: all
};

/// The same on all ranks. An AgreedError unless both sets have the same classes, labels for all
/// images that take part, and at least two classes to be learned. Collective.
ProbeImages open_probe_images(const ProbeRequest& request, Communicator& comm);

}  // namespace ijepa
