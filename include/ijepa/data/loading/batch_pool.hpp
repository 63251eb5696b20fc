// Batch pool: batches made by a pool of threads ahead of the computation, the items of one by
// several threads, delivered in order in buffers that are used again. How all programs get images.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace ijepa {

struct PoolOptions {
  int threads = 2;         // 1 to 1024
  int ahead = 3;           // batches prepared ahead of the one in use, 1 to 1024
  std::int64_t first = 0;  // number of the first batch
};

/// What a pool's batches are made of. All of it must be pure, a function of a batch's number and an
/// item's, so that a run goes on by starting at another number.
template <class Batch>
struct BatchRecipe {
  /// Makes room for batch `number` in one that was used before: how many items it has, 0 where it
  /// is empty, nothing behind the last. Called in order, one call at a time.
  std::function<std::optional<std::int64_t>(std::int64_t number, Batch&)> open;
  /// Item `item`, while other threads make others. `thread` counts from 0, for their buffers.
  std::function<void(Batch&, std::int64_t item, int thread)> fill;
  /// Once all its items are there, where there are any.
  std::function<void(Batch&)> complete = [](Batch&) {};
};

/// The threads and the order, over numbered slots that hold the batches.
class SlotPool {
 public:
  using Slot = std::size_t;

  /// How many the options ask for. An Error for options that cannot be.
  static std::size_t slots_for(const PoolOptions& options);

  /// An Error, too, for threads that cannot be started.
  SlotPool(BatchRecipe<Slot> recipe, const PoolOptions& options);
  ~SlotPool();  // at any time; items begun are finished, the rest is dropped
  SlotPool(const SlotPool&) = delete;
  SlotPool& operator=(const SlotPool&) = delete;

  std::optional<Slot> next();
  double wait_seconds() const;

 private:
  class Ring;
  std::unique_ptr<Ring> ring_;
};

template <class Batch>
class BatchPool {
 public:
  /// Starts at once. What the recipe refers to must outlive the pool.
  BatchPool(BatchRecipe<Batch> recipe, const PoolOptions& options)
      : recipe_(std::move(recipe)),
        batches_(SlotPool::slots_for(options)),
        slots_({[this](std::int64_t number, std::size_t slot) {
                  return recipe_.open(number, batches_[slot]);
                },
                [this](std::size_t slot, std::int64_t item, int thread) {
                  recipe_.fill(batches_[slot], item, thread);
                },
                [this](std::size_t slot) { recipe_.complete(batches_[slot]); }},
               options) {}

  /// The next batch, valid until the next call; nullptr behind the last. What the recipe threw
  /// comes out here.
  const Batch* next() {
    const auto slot = slots_.next();
    return slot ? &batches_[*slot] : nullptr;
  }
  /// How long next() has waited in all.
  double wait_seconds() const { return slots_.wait_seconds(); }

 private:
  BatchRecipe<Batch> recipe_;
  std::vector<Batch> batches_;
  SlotPool slots_;  // last: its threads use the others
};

}  // namespace ijepa
