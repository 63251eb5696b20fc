#include "ijepa/data/loading/loader.hpp"

#include <pthread.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "ijepa/core/error.hpp"
#include "ijepa/core/pixel_type.hpp"

namespace ijepa {
namespace {

// A damaged stretch of a disk can hold many images in a row; more than this is no stretch.
constexpr std::int64_t max_replacements = 100;
// The bad rate means little before this many images.
constexpr std::int64_t least_read_for_rate = 1000;

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

void check_options(const LoaderOptions& o) {
  check_augment(o.augment);
  check(o.threads >= 1 && o.threads <= 1024, "{} loader threads are not possible.", o.threads);
  check(o.prefetch_batches >= 1 && o.prefetch_batches <= 1024,
        "{} batches cannot be prefetched: 1 to 1024.", o.prefetch_batches);
  check(o.max_bad_rate >= 0 && o.max_bad_rate <= 1,
        "The highest share of unreadable images, {}, is not within 0 and 1.", o.max_bad_rate);
  check(o.first_batch >= 0, "Batch {} does not exist.", o.first_batch);
}

}  // namespace

/// Batches lie in a ring of slots: the one the caller holds and those prepared ahead. Workers take
/// a few images at a time from the newest batch and open the next one when a slot is free. One
/// mutex guards everything but the pixels, which belong to the worker that took them.
class Loader::Pool {
 public:
  Pool(const ShardSet& shards, const Sampler& sampler, SliceSchedule schedule,
       const LoaderOptions& options, const Log& log);
  ~Pool() { stop(); }
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  const Batch* next();
  double wait_seconds() const;
  BadImages bad_images() const;

 private:
  struct Slot {
    Batch batch;
    std::int64_t taken = 0, done = 0;  // images
    bool ready() const { return done == batch.count(); }
  };
  /// Images first .. first + count - 1 of a batch, one worker's portion.
  struct Portion {
    Slot* slot = nullptr;
    std::int64_t first = 0, count = 0;
  };
  struct Worker {
    Augmenter augmenter;
    std::vector<std::uint8_t> encoded;
  };

  void stop();
  void work();
  bool portion_waits();  // needs the lock, as all below down to the blank line
  bool open_batch();
  Portion take_portion();
  Slot& slot_of(std::int64_t number);

  void fill(Worker& worker, Batch& batch, std::int64_t i);
  bool try_image(Worker& worker, const Batch& batch, std::int64_t image, std::int64_t position,
                 std::uint8_t* out);
  void note_unreadable(std::int64_t image, const std::string& reason);
  void count_image(bool replaced);
  std::string describe(std::int64_t image) const;

  const ShardSet& shards_;
  const Sampler sampler_;
  const SliceSchedule schedule_;
  const LoaderOptions options_;
  const Log log_;
  const std::int64_t image_bytes_;

  mutable std::mutex mutex_;
  std::condition_variable work_waits_, batch_ready_;
  std::vector<Slot> slots_;
  std::int64_t held_;    // the batch the caller holds or waits for
  std::int64_t opened_;  // batches below this number have a slot or are done with
  bool holding_ = false, ended_ = false, stopping_ = false;
  std::exception_ptr error_;
  std::chrono::duration<double> waited_{0};
  BadImages bad_;
  std::set<std::int64_t> named_;  // unreadable images in the log, at most max_bad_lines
  std::vector<std::thread> threads_;
};

Loader::Pool::Pool(const ShardSet& shards, const Sampler& sampler, SliceSchedule schedule,
                   const LoaderOptions& options, const Log& log)
    : shards_(shards),
      sampler_(sampler),
      schedule_(std::move(schedule)),
      options_(options),
      log_(log),
      image_bytes_(bytes_of_pixel(options.augment.channels) * options.augment.crop_height *
                   options.augment.crop_width),
      slots_(static_cast<std::size_t>(options.prefetch_batches) + 1),
      held_(options.first_batch),
      opened_(options.first_batch) {
  const SignalsBlocked blocked;
  try {
    for (int i = 0; i < options_.threads; ++i) threads_.emplace_back([this] { work(); });
  } catch (const std::exception& error) {
    stop();
    fail("Loader thread {} of {} could not be started: {}.", threads_.size() + 1, options_.threads,
         error.what());
  }
}

void Loader::Pool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  work_waits_.notify_all();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

Loader::Pool::Slot& Loader::Pool::slot_of(std::int64_t number) {
  return slots_[static_cast<std::size_t>(number) % slots_.size()];
}

bool Loader::Pool::open_batch() {
  const auto free_until = held_ + static_cast<std::int64_t>(slots_.size());
  if (ended_ || opened_ >= free_until) return false;
  const std::optional<Slice> slice = schedule_(opened_);
  if (!slice.has_value()) {
    ended_ = true;
    batch_ready_.notify_all();
    return false;
  }
  check(slice->count >= 1 && slice->first >= 0 && slice->count <= sampler_.size() - slice->first,
        "Batch {} asks for positions {} to {} of an epoch of {} images.", opened_, slice->first,
        slice->first + slice->count - 1, sampler_.size());
  Slot& slot = slot_of(opened_);
  const auto count = static_cast<std::size_t>(slice->count);
  slot.taken = slot.done = 0;
  slot.batch.number = opened_;
  slot.batch.step = slice->step;
  slot.batch.epoch = slice->epoch;
  slot.batch.first_position = slice->first;
  slot.batch.images.resize(count * static_cast<std::size_t>(image_bytes_));
  slot.batch.labels.resize(count);
  slot.batch.indices.resize(count);
  ++opened_;
  return true;
}

bool Loader::Pool::portion_waits() {
  if (opened_ > held_) {
    const Slot& newest = slot_of(opened_ - 1);
    if (newest.taken < newest.batch.count()) return true;
  }
  return open_batch();
}

Loader::Pool::Portion Loader::Pool::take_portion() {
  Slot& slot = slot_of(opened_ - 1);
  // Small enough that all threads work on a batch to its end, large enough for the lock's cost.
  const std::int64_t fair = slot.batch.count() / (4 * std::int64_t{options_.threads});
  const std::int64_t count =
      std::min(std::clamp<std::int64_t>(fair, 1, 16), slot.batch.count() - slot.taken);
  slot.taken += count;
  return {&slot, slot.taken - count, count};
}

void Loader::Pool::work() {
  try {
    Worker worker{Augmenter(options_.augment, options_.seed), {}};
    std::unique_lock lock(mutex_);
    for (;;) {
      work_waits_.wait(lock, [&] { return stopping_ || ended_ || portion_waits(); });
      if (stopping_ || !portion_waits()) return;
      const Portion portion = take_portion();
      lock.unlock();
      work_waits_.notify_one();  // there may be more to take
      for (std::int64_t i = portion.first; i < portion.first + portion.count; ++i)
        fill(worker, portion.slot->batch, i);
      lock.lock();
      portion.slot->done += portion.count;
      if (portion.slot->ready()) batch_ready_.notify_all();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (error_ == nullptr) error_ = std::current_exception();
    stopping_ = true;
    work_waits_.notify_all();
    batch_ready_.notify_all();
  }
}

void Loader::Pool::fill(Worker& worker, Batch& batch, std::int64_t i) {
  const std::int64_t position = batch.first_position + i;
  const std::int64_t wanted = sampler_.index(batch.epoch, position);
  std::uint8_t* out = batch.images.data() + i * image_bytes_;
  for (std::int64_t step = 0; step <= std::min(max_replacements, shards_.size() - 1); ++step) {
    const std::int64_t image = (wanted + step) % shards_.size();
    if (!try_image(worker, batch, image, position, out)) continue;
    batch.indices[static_cast<std::size_t>(i)] = image;
    batch.labels[static_cast<std::size_t>(i)] = shards_.label(image);
    count_image(step > 0);
    return;
  }
  fail("No readable image was found within {} images from {}: the data is damaged.",
       max_replacements, describe(wanted));
}

bool Loader::Pool::try_image(Worker& worker, const Batch& batch, std::int64_t image,
                             std::int64_t position, std::uint8_t* out) {
  try {
    shards_.read(image, worker.encoded);
    check(shards_.checksum_matches(image, worker.encoded), "Its bytes have changed (checksum).");
    if (options_.view == View::train)
      worker.augmenter.train(worker.encoded, batch.epoch, position, out);
    else
      worker.augmenter.evaluate(worker.encoded, out);
    return true;
  } catch (const WrongChannels& error) {
    fail("{}: {}", describe(image), error.what());
  } catch (const Error& error) {
    note_unreadable(image, error.what());
    return false;
  }
}

std::string Loader::Pool::describe(std::int64_t image) const {
  try {
    return fmt::format("image {} ({}) of {}", image, shards_.key(image),
                       shards_.shard_path(shards_.extent(image).shard));
  } catch (const Error&) {  // its table entry is what is damaged
    return fmt::format("image {}", image);
  }
}

void Loader::Pool::note_unreadable(std::int64_t image, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto lines = static_cast<std::size_t>(std::max(options_.max_bad_lines, 0));
  if (named_.size() >= lines || !named_.insert(image).second) return;
  log_.warn("{} cannot be read{}: {}{}", describe(image),
            options_.max_bad_rate > 0 ? " and is replaced by the next one" : "", reason,
            named_.size() == lines ? " Further ones are only counted." : "");
}

void Loader::Pool::count_image(bool replaced) {
  const std::lock_guard lock(mutex_);
  ++bad_.read;
  if (!replaced) return;
  ++bad_.bad;
  const double allowed =
      options_.max_bad_rate * static_cast<double>(std::max(bad_.read, least_read_for_rate));
  check(static_cast<double>(bad_.bad) <= allowed,
        "{} of {} images could not be read, above the allowed share of {}: check the shards.",
        bad_.bad, bad_.read, options_.max_bad_rate);
}

const Batch* Loader::Pool::next() {
  std::unique_lock lock(mutex_);
  if (std::exchange(holding_, false)) ++held_;
  work_waits_.notify_all();
  const auto begin = std::chrono::steady_clock::now();
  batch_ready_.wait(lock, [&] {
    return error_ != nullptr || (opened_ > held_ ? slot_of(held_).ready() : ended_);
  });
  waited_ += std::chrono::steady_clock::now() - begin;
  if (error_ != nullptr) std::rethrow_exception(error_);
  if (opened_ <= held_) return nullptr;
  holding_ = true;
  return &slot_of(held_).batch;
}

double Loader::Pool::wait_seconds() const {
  const std::lock_guard lock(mutex_);
  return waited_.count();
}

BadImages Loader::Pool::bad_images() const {
  const std::lock_guard lock(mutex_);
  return bad_;
}

Loader::Loader(const ShardSet& shards, const Sampler& sampler, SliceSchedule schedule,
               const LoaderOptions& options, const Log& log) {
  check_options(options);
  check(sampler.images_needed() <= shards.size(), "The order is of {} images, the shards hold {}.",
        sampler.images_needed(), shards.size());
  pool_ = std::make_unique<Pool>(shards, sampler, std::move(schedule), options, log);
}

Loader::~Loader() = default;

const Batch* Loader::next() {
  return pool_->next();
}
double Loader::wait_seconds() const {
  return pool_->wait_seconds();
}
BadImages Loader::bad_images() const {
  return pool_->bad_images();
}

}  // namespace ijepa
