// Probe images: the labelled training and test images of a probe, checked before anything costly is
// computed; and the crops of them that heads are trained on.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/data/loading/loader.hpp"
#include "ijepa/tasks/features/feature_batches.hpp"
#include "ijepa/tasks/features/features.hpp"
#include "ijepa/tasks/images/image_choice.hpp"
#include "ijepa/tasks/images/labelled_images.hpp"

namespace ijepa {

struct ProbeImages {
  std::unique_ptr<Dataset> train, test;
  ImageChoice train_images, test_images;  // that take part
  std::vector<BadImage> bad;              // of both, left out
};

struct ProbeRequest {
  std::string train, test;  // paths as open_images() takes them
  std::string subset;       // of the training images, see choose_images()
  std::uint64_t seed = 0;   // of the subset
  std::int64_t most = 0;    // images of each set, see sample_images(); 0: all
  std::string results;      // folder that must not lie in one of both
  bool skip_bad = false;    // leave_out_bad_images(), read as these channels, on these threads
  int channels = 3, threads = 1;
};

/// The same on all ranks, the test set under the classes of the training set, of which it may lack
/// some. An AgreedError for a class that the training set lacks, for images that take part without
/// a label, and for fewer than two classes to be learned. Collective.
ProbeImages open_probe_images(const ProbeRequest& request, Communicator& comm);

/// Features computed anew in every epoch of crops and flips, as the paper trains its heads (Assran
/// et al., arXiv 2301.08243, appendix A).
class AugmentedBatches final : public FeatureBatches {
 public:
  /// The training images of the split of `images`. Pictures are a pure function of (seed, epoch,
  /// position): random crops of 8 to 100 % of the area at 3/4 to 4/3, or centred ones, flipped
  /// with probability 0.5. All arguments held by reference must outlive the object. An Error if
  /// ranks outnumber the batch.
  AugmentedBatches(const Dataset& dataset, const ImageChoice& images, const Split& split,
                   const FeatureMaps& maps, const ExtractOptions& options, std::int64_t batch,
                   std::uint64_t seed, const Communicator& comm, CropKind crops = CropKind::random);

  const Batch& next() override;

 private:
  const FeatureMaps& maps_;
  Size crop_;
  int channels_;
  std::int64_t rank_rows_, micro_batches_;  // of a step
  std::unique_ptr<Loader> loader_;
  Batch features_;
};

}  // namespace ijepa
