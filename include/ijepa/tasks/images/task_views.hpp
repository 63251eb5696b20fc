// Task views: encoded pictures of an image source as batches of pixels, the way a classifier is
// trained and asked. A view is a pure function of (seed, epoch, position).
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/data/loading/augment.hpp"
#include "ijepa/tasks/images/image_source.hpp"
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

/// Views of the images of a source, decoded on several threads. One call at a time. An Error names
/// an image that cannot be read.
class TaskViews {
 public:
  TaskViews(const ImageSource& images, const ViewSettings& settings, std::uint64_t seed,
            int threads);

  /// Image images[i] at position positions[i] of the epoch: pixels of a batch (n, height,
  /// width, channels).
  std::vector<std::uint8_t> train(std::span<const std::int64_t> images, std::int64_t epoch,
                                  std::span<const std::int64_t> positions);
  std::vector<std::uint8_t> evaluate(std::span<const std::int64_t> images);
  /// Images [first, first + count).
  std::vector<std::uint8_t> evaluate(std::int64_t first, std::int64_t count);

 private:
  template <class Make>
  std::vector<std::uint8_t> make(std::span<const std::int64_t> images, const Make& view);

  const ImageSource& images_;
  std::size_t image_bytes_;
  std::vector<ViewMaker> makers_;  // one a thread
};

}  // namespace ijepa
