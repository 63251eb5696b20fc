// Augmented batches: features computed anew in every epoch of crops and flips, as the paper trains
// its heads (Assran et al., arXiv 2301.08243, appendix A).
#pragma once
#include <memory>

#include "ijepa/data/loader.hpp"
#include "ijepa/tasks/feature_batches.hpp"
#include "ijepa/tasks/features.hpp"

namespace ijepa {

class AugmentedBatches final : public FeatureBatches {
 public:
  /// The training images of the split of `images`. Pictures are a pure function of (seed, epoch,
  /// position): random crops of 8 to 100 % of the area at 3/4 to 4/3, or centred ones, flipped
  /// with probability 0.5. All arguments held by reference must outlive the object. An Error if
  /// ranks outnumber the batch.
  AugmentedBatches(const ShardSet& shards, const ImageChoice& images, const Split& split,
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
