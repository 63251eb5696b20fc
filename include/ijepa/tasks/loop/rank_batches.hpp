// Rank batches: a list cut into batches that go round the ranks, so that what is computed together
// does not depend on them; and step shares: which positions of an epoch's order each rank learns
// from in each step, as micro-batches.
#pragma once
#include <algorithm>
#include <cstdint>
#include <vector>

#include "ijepa/comm/communicator.hpp"

namespace ijepa {

class RankBatches {
 public:
  RankBatches(std::int64_t size, std::int64_t batch, std::int64_t rank, std::int64_t ranks)
      : size_(size), batch_(batch), rank_(rank), ranks_(ranks) {}
  /// Of this rank.
  RankBatches(std::int64_t size, std::int64_t batch, const Communicator& comm)
      : RankBatches(size, batch, comm.rank(), comm.size()) {}

  /// In each of these every rank has a batch; in the last one the higher ranks may have none.
  std::int64_t rounds() const { return (size_ + batch_ * ranks_ - 1) / (batch_ * ranks_); }
  /// Rounds in which this rank has one: its first ones.
  std::int64_t mine() const {
    return rounds() - (rounds() > 0 && count(rounds() - 1) == 0 ? 1 : 0);
  }
  /// Where this rank's batch of a round begins, and its length; 0 where it has none.
  std::int64_t first(std::int64_t round) const {
    return std::min(size_, (round * ranks_ + rank_) * batch_);
  }
  std::int64_t count(std::int64_t round) const { return std::min(batch_, size_ - first(round)); }
  /// What all ranks have in a round.
  std::int64_t count_of_all(std::int64_t round) const {
    return std::min(batch_ * ranks_, size_ - round * batch_ * ranks_);
  }

 private:
  std::int64_t size_, batch_, rank_, ranks_;
};

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
