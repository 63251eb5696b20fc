// Step shares: which positions of an epoch's order each rank learns from in each step, as
// micro-batches.
#pragma once
#include <cstdint>
#include <vector>

namespace ijepa {

/// A micro-batch of one rank.
struct StepShare {
  std::int64_t step = 0;              // of the epoch
  std::int64_t first = 0, count = 0;  // positions of the epoch's order; none: the rank is idle
  std::int64_t step_images = 0;       // over all ranks
  bool last = false;                  // of this rank in the step
};

struct EpochImages {
  std::int64_t images = 0, batch = 1;  // batch: of a step over all ranks
  std::int64_t micro = 1;              // images that a rank learns from at once, at most
  std::int64_t unit = 1;               // images that stay together: 2 where pairs are mixed

  std::int64_t steps() const { return (images + batch - 1) / batch; }
};

/// This rank's micro-batches of an epoch, at least one a step, of whole units but the very last.
/// The last step of an epoch may be shorter; no image is left out.
std::vector<StepShare> step_shares(const EpochImages& epoch, std::int64_t rank, std::int64_t ranks);

}  // namespace ijepa
