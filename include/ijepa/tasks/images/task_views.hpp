// Task views: encoded pictures of a dataset as batches of pixels, the way a classifier is
// trained and asked. A view is a pure function of (seed, epoch, position).
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "ijepa/data/loading/augment.hpp"
#include "ijepa/data/loading/batch_pool.hpp"
#include "ijepa/tasks/images/open_images.hpp"
#include "ijepa/tasks/images/rand_augment.hpp"

namespace ijepa {

enum class ViewTransform : std::uint8_t { squash, cover, random_crop };

struct ViewSettings {
  ViewTransform transform = ViewTransform::squash;
  std::int64_t image_height = 0, image_width = 0;
  int channels = 3;
  double crop_scale_min = 0.08;  // of random_crop; the largest is 1
  bool flip = true;              // with probability 0.5
  double rand_augment = 0;       // magnitude; 0: none

  Size size() const { return {static_cast<int>(image_height), static_cast<int>(image_width)}; }
};

/// As pretraining evaluates pictures: resized to cover the crop, and its centre.
ViewSettings picture_views(Size image, int channels);

/// One thread's views.
class ViewMaker {
 public:
  ViewMaker(const ViewSettings& settings, std::uint64_t seed);

  /// Pixels of a batch (height, width, channels) to `out`. An Error if the picture cannot be
  /// decoded.
  void train(std::span<const std::uint8_t> encoded, std::int64_t epoch, std::int64_t position,
             std::uint8_t* out);
  void evaluate(std::span<const std::uint8_t> encoded, std::uint8_t* out);

 private:
  void squash(std::span<const std::uint8_t> encoded, std::uint8_t* out);

  ViewSettings settings_;
  std::uint64_t seed_;
  Augmenter augmenter_;
  PictureReader reader_;
};

/// Images of a dataset and their pixels (n, height, width, channels).
struct ViewBatch {
  std::vector<std::int64_t> images;
  std::vector<std::uint8_t> pixels;
};

/// Views of the images of a dataset, made on several threads. An Error names an image that cannot
/// be read.
class TaskViews {
 public:
  TaskViews(const Dataset& images, const ViewSettings& settings, std::uint64_t seed, int threads);

  std::size_t image_bytes() const { return image_bytes_; }
  /// For pools whose items these views make.
  PoolOptions pool_options() const { return {.threads = static_cast<int>(makers_.size())}; }

  /// One image at a position of the epoch, by a thread that makes nothing else meanwhile: pixels
  /// (height, width, channels) to `out`.
  void train(std::int64_t image, std::int64_t epoch, std::int64_t position, std::uint8_t* out,
             int thread);
  void evaluate(std::int64_t image, std::uint8_t* out, int thread);

  /// Batches made ahead, which needs these views for itself while it lives: batch k of the images
  /// that images_of(k) names, as long as k < batches.
  BatchPool<ViewBatch> evaluate_ahead(
      std::int64_t batches, std::function<std::vector<std::int64_t>(std::int64_t batch)> images_of);

  /// At once: pixels (n, height, width, channels).
  std::vector<std::uint8_t> evaluate(std::span<const std::int64_t> images);
  /// Images [first, first + count).
  std::vector<std::uint8_t> evaluate(std::int64_t first, std::int64_t count);

 private:
  template <class View>
  void make(std::int64_t image, const View& view);

  const Dataset& images_;
  std::size_t image_bytes_;
  std::vector<ViewMaker> makers_;  // one a thread
};

/// first, first + 1, ..., first + count - 1.
std::vector<std::int64_t> image_run(std::int64_t first, std::int64_t count);

}  // namespace ijepa
