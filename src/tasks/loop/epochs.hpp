// Epochs: the loop of a task's training: steps over all ranks, from batches that a pool of threads
// makes ahead; a validation; what the epoch leaves. The task says what each of these is.
#pragma once
#include <cstdint>
#include <optional>
#include <vector>

#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/clock.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/data/loading/batch_pool.hpp"
#include "ijepa/tasks/loop/rank_batches.hpp"
#include "work_progress.hpp"

namespace ijepa {

struct EpochPlan {
  std::int64_t epochs = 1;
  EpochImages train;
  std::int64_t valid_images = 0, valid_batch = 1;  // batches that go round the ranks
  int threads = 1;                                 // that make batches
};

/// What a task brings to its training. Batches hold images of this rank; the pool's threads make
/// them by open(), fill() and complete(), as a BatchRecipe says.
template <class Batch>
class EpochTask {
 public:
  virtual ~EpochTask() = default;

  /// How many epochs are done: 0 with fresh weights, else those of the training that goes on.
  /// Collective.
  virtual std::int64_t begin() = 0;
  /// Makes room for a micro-batch to learn from, or for images [first, first + count) of the
  /// validation.
  virtual void open(Batch& batch, std::int64_t epoch, const StepShare& share) = 0;
  virtual void open_valid(Batch& batch, std::int64_t first, std::int64_t count) = 0;
  virtual void fill(Batch& batch, std::int64_t image, int thread) = 0;
  virtual void complete(Batch&) {}
  /// Adds the gradients of a micro-batch, empty on an idle rank. Comes once a rank and step at
  /// least, the last time with `share.last`. May be collective where no rank has several
  /// micro-batches.
  virtual void learn(const Batch& batch, std::int64_t epoch, const StepShare& share) = 0;
  /// Updates the weights by step `step` = 0, 1, ... of all epochs. Collective.
  virtual void finish(std::int64_t step) = 0;
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
        begun_(task.begin()),
        shares_(step_shares(plan.train, comm.rank(), comm.size())),
        valid_(plan.valid_images, plan.valid_batch, comm),
        progress_(comm, "training", "images",
                  (plan.epochs - begun_) * (plan.train.images + plan.valid_images)),
        batches_(recipe(), {.threads = plan.threads}) {
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
  /// Batches of an epoch: those to learn from, then those of the validation.
  BatchRecipe<Batch> recipe() {
    return {
        .open = [this](std::int64_t number, Batch& batch) { return open(number, batch); },
        .fill = [this](Batch& batch, std::int64_t i, int thread) { task_.fill(batch, i, thread); },
        .complete = [this](Batch& batch) { task_.complete(batch); }};
  }

  std::optional<std::int64_t> open(std::int64_t number, Batch& batch) {
    const auto learned = std::ssize(shares_), all = learned + valid_.mine();
    const auto epoch = begun_ + number / all, i = number % all;
    if (epoch >= plan_.epochs) return {};
    if (i < learned) {
      const auto& share = shares_[static_cast<std::size_t>(i)];
      task_.open(batch, epoch, share);
      return share.count;
    }
    const auto round = i - learned;
    task_.open_valid(batch, valid_.first(round), valid_.count(round));
    return valid_.count(round);
  }

  void learn(std::int64_t epoch) {
    for (const auto& share : shares_) {
      task_.learn(*batches_.next(), epoch, share);
      if (!share.last) continue;
      task_.finish(epoch * plan_.train.steps() + share.step);
      progress_.add(share.step_images, batches_.wait_seconds());
    }
  }

  void validate() {
    for (std::int64_t round = 0; round < valid_.mine(); ++round) {
      task_.judge(*batches_.next());
      progress_.add(valid_.count_of_all(round), batches_.wait_seconds());
    }
  }

  EpochTask<Batch>& task_;
  EpochPlan plan_;
  std::int64_t begun_;
  std::vector<StepShare> shares_;
  RankBatches valid_;
  WorkProgress progress_;
  BatchPool<Batch> batches_;  // last: its threads use the others
};

}  // namespace ijepa
