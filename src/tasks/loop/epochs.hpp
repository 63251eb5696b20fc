// Epochs: the loop of a task's training: steps over all ranks, from batches that a thread loads
// ahead; a validation; what the epoch leaves. The task says what each of these is.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/clock.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/tasks/loop/prefetch.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"
#include "work_progress.hpp"

namespace ijepa {

struct EpochPlan {
  std::int64_t epochs = 1;
  EpochImages train;
  std::int64_t valid_images = 0, valid_batch = 1;  // batches that go round the ranks
};

/// What a task brings to its training. Batches hold images of this rank. load() and load_valid()
/// run in another thread, one at a time.
template <class Batch>
class EpochTask {
 public:
  virtual ~EpochTask() = default;

  /// How many epochs are done: 0 with fresh weights, else those of the training that goes on.
  /// Collective.
  virtual std::int64_t begin() = 0;
  /// A micro-batch to learn from, empty on an idle rank.
  virtual Batch load(std::int64_t epoch, const StepShare& share) = 0;
  /// Adds its gradients. Comes once a rank and step at least, the last time with `share.last`. May
  /// be collective where no rank has several micro-batches.
  virtual void learn(const Batch& batch, std::int64_t epoch, const StepShare& share) = 0;
  /// Updates the weights by step `step` = 0, 1, ... of all epochs. Collective.
  virtual void finish(std::int64_t step) = 0;
  virtual Batch load_valid(std::int64_t first, std::int64_t count) = 0;
  /// Adds what a batch of this rank says of the weights.
  virtual void judge(const Batch& batch) = 0;
  /// After epoch `epoch` = 0, 1, ...: figures, tables, the best weights; what the training goes on
  /// from comes last, so that an epoch that a kill cuts off is repeated. Collective.
  virtual void keep(std::int64_t epoch, double seconds) = 0;
};

template <class Batch>
class Epochs {
 public:
  Epochs(EpochTask<Batch>& task, const EpochPlan& plan, Communicator& comm, const Log& log)
      : task_(task),
        plan_(plan),
        comm_(comm),
        begun_(task.begin()),
        shares_(step_shares(plan.train, comm.rank(), comm.size())),
        progress_(comm, "training", "images",
                  (plan.epochs - begun_) * (plan.train.images + plan.valid_images)) {
    if (begun_ > 0) log.info("Going on after epoch {} of {}", begun_, plan.epochs);
  }

  void run() {
    for (auto epoch = begun_; epoch < plan_.epochs; ++epoch) {
      const auto start = Clock::now();
      learn(epoch);
      validate();
      task_.keep(epoch, seconds_since(start));
    }
  }

 private:
  void learn(std::int64_t epoch) {
    Prefetch<Batch> batches(std::ssize(shares_), [this, epoch](std::int64_t i) {
      return task_.load(epoch, shares_[static_cast<std::size_t>(i)]);
    });
    for (const auto& share : shares_) {
      task_.learn(batches.next(), epoch, share);
      if (!share.last) continue;
      task_.finish(epoch * plan_.train.steps() + share.step);
      progress_.add(share.step_images);
    }
  }

  void validate() {
    const RankBatches shared(plan_.valid_images, plan_.valid_batch, comm_);
    Prefetch<Batch> batches(shared.mine(), [&](std::int64_t round) {
      return task_.load_valid(shared.first(round), shared.count(round));
    });
    for (std::int64_t round = 0; round < shared.mine(); ++round) {
      task_.judge(batches.next());
      progress_.add(shared.count_of_all(round));
    }
  }

  EpochTask<Batch>& task_;
  EpochPlan plan_;
  Communicator& comm_;
  std::int64_t begun_;
  std::vector<StepShare> shares_;
  WorkProgress progress_;
};

}  // namespace ijepa
