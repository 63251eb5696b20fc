#include "ijepa/data/loading/batch_pool.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

// Signals are the main thread's: threads made in this scope inherit a mask that blocks them all.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

}  // namespace

/// Batches lie in a ring of slots: the one the caller holds and those prepared ahead. Workers take
/// a few items at a time from the newest batch and open the next one when a slot is free. One
/// mutex guards everything but the items, which belong to the worker that took them.
class SlotPool::Ring {
 public:
  Ring(BatchRecipe<Slot> recipe, const PoolOptions& options);
  ~Ring() { stop(); }
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;

  std::optional<Slot> next();
  double wait_seconds() const;

 private:
  struct State {
    std::int64_t count = 0, taken = 0, done = 0;  // items
    bool ready = true;
  };
  /// Items first .. first + count - 1 of a batch, one worker's portion.
  struct Portion {
    Slot slot = 0;
    std::int64_t first = 0, count = 0;
  };

  void stop();
  void work(int thread);
  void make(const Portion& portion, int thread, std::unique_lock<std::mutex>& lock);
  bool portion_waits();  // needs the lock, as all below
  bool open_batch();
  Portion take_portion();
  Slot slot_of(std::int64_t number) const { return static_cast<Slot>(number) % slots_.size(); }

  const BatchRecipe<Slot> recipe_;
  const int thread_count_;

  mutable std::mutex mutex_;
  std::condition_variable work_waits_, batch_ready_;
  std::vector<State> slots_;
  std::int64_t held_;    // the batch the caller holds or waits for
  std::int64_t opened_;  // batches below this number have a slot or are done with
  bool holding_ = false, ended_ = false, stopping_ = false;
  std::exception_ptr error_;
  std::chrono::duration<double> waited_{0};
  std::vector<std::thread> threads_;
};

SlotPool::Ring::Ring(BatchRecipe<Slot> recipe, const PoolOptions& options)
    : recipe_(std::move(recipe)),
      thread_count_(options.threads),
      slots_(slots_for(options)),
      held_(options.first),
      opened_(options.first) {
  const SignalsBlocked blocked;
  try {
    for (int t = 0; t < thread_count_; ++t) threads_.emplace_back([this, t] { work(t); });
  } catch (const std::exception& error) {
    stop();
    fail("Loader thread {} of {} could not be started: {}.", threads_.size() + 1, thread_count_,
         error.what());
  }
}

void SlotPool::Ring::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_waits_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

bool SlotPool::Ring::open_batch() {
  const auto free_until = held_ + static_cast<std::int64_t>(slots_.size());
  if (ended_ || opened_ >= free_until) return false;
  Slot slot = slot_of(opened_);
  const auto count = recipe_.open(opened_, slot);
  if (!count) {
    ended_ = true;
    batch_ready_.notify_all();
    return false;
  }
  slots_[slot] = {*count, 0, 0, *count == 0};
  ++opened_;
  if (*count == 0) batch_ready_.notify_all();
  return true;
}

bool SlotPool::Ring::portion_waits() {
  for (;;) {
    if (opened_ > held_) {
      const State& newest = slots_[slot_of(opened_ - 1)];
      if (newest.taken < newest.count) return true;
    }
    if (!open_batch()) return false;
  }
}

SlotPool::Ring::Portion SlotPool::Ring::take_portion() {
  const Slot slot = slot_of(opened_ - 1);
  State& batch = slots_[slot];
  // Small enough that all threads work on a batch to its end, large enough for the lock's cost.
  const std::int64_t fair = batch.count / (4 * std::int64_t{thread_count_});
  const auto count = std::min(std::clamp<std::int64_t>(fair, 1, 16), batch.count - batch.taken);
  batch.taken += count;
  return {slot, batch.taken - count, count};
}

void SlotPool::Ring::make(const Portion& portion, int thread, std::unique_lock<std::mutex>& lock) {
  Slot slot = portion.slot;
  for (auto i = portion.first; i < portion.first + portion.count; ++i)
    recipe_.fill(slot, i, thread);
  lock.lock();
  State& batch = slots_[slot];
  batch.done += portion.count;
  if (batch.done < batch.count) return;
  lock.unlock();
  recipe_.complete(slot);
  lock.lock();
  batch.ready = true;
  batch_ready_.notify_all();
}

void SlotPool::Ring::work(int thread) {
  try {
    std::unique_lock lock(mutex_);
    for (;;) {
      work_waits_.wait(lock, [&] { return stopping_ || ended_ || portion_waits(); });
      if (stopping_ || !portion_waits()) return;
      const Portion portion = take_portion();
      lock.unlock();
      work_waits_.notify_one();  // there may be more to take
      make(portion, thread, lock);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (error_ == nullptr) error_ = std::current_exception();
    stopping_ = true;
    work_waits_.notify_all();
    batch_ready_.notify_all();
  }
}

std::optional<SlotPool::Slot> SlotPool::Ring::next() {
  std::unique_lock lock(mutex_);
  if (std::exchange(holding_, false)) ++held_;
  work_waits_.notify_all();
  const auto begin = std::chrono::steady_clock::now();
  batch_ready_.wait(lock, [&] {
    return error_ != nullptr || (opened_ > held_ ? slots_[slot_of(held_)].ready : ended_);
  });
  waited_ += std::chrono::steady_clock::now() - begin;
  if (error_ != nullptr) std::rethrow_exception(error_);
  if (opened_ <= held_) return {};
  holding_ = true;
  return slot_of(held_);
}

double SlotPool::Ring::wait_seconds() const {
  const std::lock_guard lock(mutex_);
  return waited_.count();
}

std::size_t SlotPool::slots_for(const PoolOptions& o) {
  check(o.threads >= 1 && o.threads <= 1024, "{} loader threads are not possible.", o.threads);
  check(o.ahead >= 1 && o.ahead <= 1024, "{} batches cannot be prefetched: 1 to 1024.", o.ahead);
  check(o.first >= 0, "Batch {} does not exist.", o.first);
  return static_cast<std::size_t>(o.ahead) + 1;
}

SlotPool::SlotPool(BatchRecipe<Slot> recipe, const PoolOptions& options)
    : ring_(std::make_unique<Ring>(std::move(recipe), options)) {}

SlotPool::~SlotPool() = default;

std::optional<SlotPool::Slot> SlotPool::next() {
  return ring_->next();
}
double SlotPool::wait_seconds() const {
  return ring_->wait_seconds();
}

}  // namespace ijepa
