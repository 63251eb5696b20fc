// Loader: batches of a dataset's pictures, read, decoded and augmented by a pool of threads
// (batch_pool.hpp). What a batch holds is a pure function of its number, so a run resumes by
// starting at another number.
#pragma once
#include <cstdint>
#include <memory>
#include <vector>

#include "ijepa/core/log.hpp"
#include "ijepa/data/dataset.hpp"
#include "ijepa/data/loading/augment.hpp"
#include "ijepa/data/loading/batch_pool.hpp"
#include "ijepa/data/loading/sampler.hpp"

namespace ijepa {

enum class View : std::uint8_t { train, evaluation };

struct LoaderOptions {
  AugmentConfig augment;
  View view = View::train;
  std::uint64_t seed = 0;
  int threads = 2;
  int prefetch_batches = 3;      // prepared ahead of the one in use
  double max_bad_rate = 0.01;    // share of unreadable images above which next() throws
  int max_bad_lines = 20;        // unreadable images named in the log
  std::int64_t first_batch = 0;  // where to start, in the schedule's numbers
};

struct Batch {
  std::int64_t number = 0, step = 0, epoch = 0, first_position = 0;
  std::vector<std::uint8_t> images;   // (count, crop_height, crop_width, channels)
  std::vector<std::int32_t> labels;   // (count), -1: none
  std::vector<std::int64_t> indices;  // (count) images of the set; a replaced one's replacement

  std::int64_t count() const { return static_cast<std::int64_t>(indices.size()); }
};

/// Unreadable images met so far by this loader: each was replaced by the next readable image in
/// storage order, which depends on the image alone.
struct BadImages {
  std::int64_t bad = 0, read = 0;
};

class Loader {
 public:
  /// Starts to prefetch. `images` must outlive the loader; `schedule` is called from its threads.
  Loader(const Dataset& images, const Sampler& sampler, SliceSchedule schedule,
         const LoaderOptions& options, const Log& log = Log());
  ~Loader();  // at any time; images begun are finished, the rest is dropped
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// The next batch, valid until the next call; nullptr behind the last. An Error if too many
  /// images cannot be read (more than max_bad_rate of them, of 1000 while fewer were read), if one
  /// has other channels than asked for, or if anything else fails in a worker.
  const Batch* next();

  /// How long next() has waited in all.
  double wait_seconds() const;
  BadImages bad_images() const;

 private:
  class Filling;
  std::unique_ptr<Filling> filling_;
  std::unique_ptr<BatchPool<Batch>> pool_;  // last: its threads use the filling
};

}  // namespace ijepa
