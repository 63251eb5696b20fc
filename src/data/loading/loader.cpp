#include "ijepa/data/loading/loader.hpp"

#include <algorithm>
#include <mutex>
#include <set>
#include <utility>

#include "ijepa/core/error.hpp"
#include "ijepa/core/pixel_type.hpp"

namespace ijepa {
namespace {

// A damaged stretch of a disk can hold many images in a row; more than this is no stretch.
constexpr std::int64_t max_replacements = 100;
// The bad rate means little before this many images.
constexpr std::int64_t least_read_for_rate = 1000;

PoolOptions pool_options(const LoaderOptions& o) {
  return {.threads = o.threads, .ahead = o.prefetch_batches, .first = o.first_batch};
}

void check_options(const LoaderOptions& o) {
  check_augment(o.augment);
  SlotPool::slots_for(pool_options(o));
  check(o.max_bad_rate >= 0 && o.max_bad_rate <= 1,
        "The highest share of unreadable images, {}, is not within 0 and 1.", o.max_bad_rate);
}

}  // namespace

/// How a batch is filled, and what could not be read on the way. The mutex guards
/// that alone.
class Loader::Filling {
 public:
  Filling(const Dataset& images, const Sampler& sampler, SliceSchedule schedule,
          const LoaderOptions& options, const Log& log);

  std::optional<std::int64_t> open(std::int64_t number, Batch& batch) const;
  void fill(Batch& batch, std::int64_t i, int thread);
  BadImages bad_images() const;

 private:
  struct Worker {
    Augmenter augmenter;
    std::vector<std::uint8_t> encoded;
  };

  bool try_image(Worker& worker, const Batch& batch, std::int64_t image, std::int64_t position,
                 std::uint8_t* out);
  void note_unreadable(std::int64_t image, const std::string& reason);
  void count_image(bool replaced);

  const Dataset& images_;
  const Sampler sampler_;
  const SliceSchedule schedule_;
  const LoaderOptions options_;
  const Log log_;
  const std::int64_t image_bytes_;
  std::vector<Worker> workers_;  // one a thread

  mutable std::mutex mutex_;
  BadImages bad_;
  std::set<std::int64_t> named_;  // unreadable images in the log, at most max_bad_lines
};

Loader::Filling::Filling(const Dataset& images, const Sampler& sampler, SliceSchedule schedule,
                         const LoaderOptions& options, const Log& log)
    : images_(images),
      sampler_(sampler),
      schedule_(std::move(schedule)),
      options_(options),
      log_(log),
      image_bytes_(bytes_of_pixel(options.augment.channels) * options.augment.crop_height *
                   options.augment.crop_width) {
  for (int t = 0; t < options.threads; ++t)
    workers_.push_back({Augmenter(options.augment, options.seed), {}});
}

std::optional<std::int64_t> Loader::Filling::open(std::int64_t number, Batch& batch) const {
  const std::optional<Slice> slice = schedule_(number);
  if (!slice) return {};
  check(slice->count >= 1 && slice->first >= 0 && slice->count <= sampler_.size() - slice->first,
        "Batch {} asks for positions {} to {} of an epoch of {} images.", number, slice->first,
        slice->first + slice->count - 1, sampler_.size());
  const auto count = static_cast<std::size_t>(slice->count);
  batch.number = number;
  batch.step = slice->step;
  batch.epoch = slice->epoch;
  batch.first_position = slice->first;
  batch.images.resize(count * static_cast<std::size_t>(image_bytes_));
  batch.labels.resize(count);
  batch.indices.resize(count);
  return slice->count;
}

void Loader::Filling::fill(Batch& batch, std::int64_t i, int thread) {
  Worker& worker = workers_[static_cast<std::size_t>(thread)];
  const std::int64_t position = batch.first_position + i;
  const std::int64_t wanted = sampler_.index(batch.epoch, position);
  std::uint8_t* out = batch.images.data() + i * image_bytes_;
  for (std::int64_t step = 0; step <= std::min(max_replacements, images_.size() - 1); ++step) {
    const std::int64_t image = (wanted + step) % images_.size();
    if (!try_image(worker, batch, image, position, out)) continue;
    batch.indices[static_cast<std::size_t>(i)] = image;
    batch.labels[static_cast<std::size_t>(i)] = images_.label(image);
    count_image(step > 0);
    return;
  }
  fail("No readable image was found within {} images from {}: the data is damaged.",
       max_replacements, images_.where(wanted));
}

bool Loader::Filling::try_image(Worker& worker, const Batch& batch, std::int64_t image,
                                std::int64_t position, std::uint8_t* out) {
  try {
    images_.read(image, worker.encoded);
    if (options_.view == View::train)
      worker.augmenter.train(worker.encoded, batch.epoch, position, out);
    else
      worker.augmenter.evaluate(worker.encoded, out);
    return true;
  } catch (const WrongChannels& error) {
    fail("{}: {}", images_.where(image), error.what());
  } catch (const Error& error) {
    if (options_.max_bad_rate == 0)
      fail("The {} cannot be read: {}", images_.where(image), error.what());
    note_unreadable(image, error.what());
    return false;
  }
}

void Loader::Filling::note_unreadable(std::int64_t image, const std::string& reason) {
  const std::lock_guard lock(mutex_);
  const auto lines = static_cast<std::size_t>(std::max(options_.max_bad_lines, 0));
  if (named_.size() >= lines || !named_.insert(image).second) return;
  log_.warn("{} cannot be read and is replaced by the next one: {}{}", images_.where(image), reason,
            named_.size() == lines ? " Further ones are only counted." : "");
}

void Loader::Filling::count_image(bool replaced) {
  const std::lock_guard lock(mutex_);
  ++bad_.read;
  if (!replaced) return;
  ++bad_.bad;
  const double allowed =
      options_.max_bad_rate * static_cast<double>(std::max(bad_.read, least_read_for_rate));
  check(static_cast<double>(bad_.bad) <= allowed,
        "{} of {} images could not be read, above the allowed share of {}: check the data.",
        bad_.bad, bad_.read, options_.max_bad_rate);
}

BadImages Loader::Filling::bad_images() const {
  const std::lock_guard lock(mutex_);
  return bad_;
}

Loader::Loader(const Dataset& images, const Sampler& sampler, SliceSchedule schedule,
               const LoaderOptions& options, const Log& log) {
  check_options(options);
  check(sampler.images_needed() <= images.size(), "The order is of {} images, there are {}.",
        sampler.images_needed(), images.size());
  filling_ = std::make_unique<Filling>(images, sampler, std::move(schedule), options, log);
  const BatchRecipe<Batch> recipe{
      .open = [f = filling_.get()](std::int64_t number,
                                   Batch& batch) { return f->open(number, batch); },
      .fill = [f = filling_.get()](Batch& batch, std::int64_t i,
                                   int thread) { f->fill(batch, i, thread); }};
  pool_ = std::make_unique<BatchPool<Batch>>(recipe, pool_options(options));
}

Loader::~Loader() = default;

const Batch* Loader::next() {
  return pool_->next();
}
double Loader::wait_seconds() const {
  return pool_->wait_seconds();
}
BadImages Loader::bad_images() const {
  return filling_->bad_images();
}

}  // namespace ijepa
