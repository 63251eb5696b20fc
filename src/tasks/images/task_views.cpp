#include "ijepa/tasks/images/task_views.hpp"

#include <algorithm>
#include <numeric>

#include "ijepa/core/error.hpp"
#include "ijepa/core/parallel.hpp"
#include "ijepa/core/pixel_type.hpp"

namespace ijepa {
namespace {

AugmentConfig crop_config(const ViewSettings& settings) {
  AugmentConfig config;
  config.crop_height = settings.size().height;
  config.crop_width = settings.size().width;
  config.channels = settings.channels;
  config.scale_min = settings.crop_scale_min;
  config.flip = settings.flip;
  return config;
}

/// Of a side after the resize and before the centre crop.
int resized_side(int side) {
  return (side * 256 + 112) / 224;
}

}  // namespace

ViewSettings picture_views(Size image, int channels) {
  ViewSettings views;
  views.transform = ViewTransform::cover;
  views.image_height = image.height;
  views.image_width = image.width;
  views.channels = channels;
  return views;
}

ViewMaker::ViewMaker(const ViewSettings& settings, std::uint64_t seed)
    : settings_(settings),
      seed_(seed),
      augmenter_(crop_config(settings), seed),
      reader_(settings.channels) {
  check(settings.channels == 3 || settings.rand_augment == 0,
        "data.rand_augment changes red, green and blue, but the network takes {} channel{}: set it "
        "to 0.",
        settings.channels, settings.channels == 1 ? "" : "s");
}

void ViewMaker::squash(std::span<const std::uint8_t> encoded, std::uint8_t* out) {
  const Size crop = settings_.size();
  const Size scaled{resized_side(crop.height), resized_side(crop.width)};
  reader_.open(encoded);
  reader_.read_part(scaled, centre_box(scaled, crop), out);
}

void ViewMaker::evaluate(std::span<const std::uint8_t> encoded, std::uint8_t* out) {
  if (settings_.transform == ViewTransform::squash)
    squash(encoded, out);
  else
    augmenter_.evaluate(encoded, out);
}

void ViewMaker::train(std::span<const std::uint8_t> encoded, std::int64_t epoch,
                      std::int64_t position, std::uint8_t* out) {
  constexpr double flip_probability = 0.5;
  const Size size = settings_.size();
  const auto draws = [&](std::uint64_t index) {
    return Rng(seed_, Purpose::augment, static_cast<std::uint64_t>(epoch),
               static_cast<std::uint64_t>(position), index);
  };
  if (settings_.transform == ViewTransform::random_crop) {
    augmenter_.train(encoded, epoch, position, out);
  } else {
    evaluate(encoded, out);
    auto rng = draws(0);
    if (settings_.flip && rng.uniform() < flip_probability)
      flip_pixels(out, size, settings_.channels);
  }
  if (settings_.rand_augment > 0) {
    auto rng = draws(1);
    rand_augment({out, size.height, size.width}, settings_.rand_augment, rng);
  }
}

TaskViews::TaskViews(const Dataset& images, const ViewSettings& settings, std::uint64_t seed,
                     int threads)
    : images_(images),
      image_bytes_(static_cast<std::size_t>(bytes_of_pixel(settings.channels) *
                                            settings.image_height * settings.image_width)) {
  for (int t = 0; t < std::max(threads, 1); ++t) makers_.emplace_back(settings, seed);
}

template <class View>
void TaskViews::make(std::int64_t image, const View& view) {
  try {
    std::vector<std::uint8_t> encoded;
    images_.read(image, encoded);
    view(encoded);
  } catch (const Error& e) {
    fail("The {} cannot be read: {}", images_.where(image), e.what());
  }
}

void TaskViews::train(std::int64_t image, std::int64_t epoch, std::int64_t position,
                      std::uint8_t* out, int thread) {
  make(image, [&](const auto& encoded) {
    makers_[static_cast<std::size_t>(thread)].train(encoded, epoch, position, out);
  });
}

void TaskViews::evaluate(std::int64_t image, std::uint8_t* out, int thread) {
  make(image, [&](const auto& encoded) {
    makers_[static_cast<std::size_t>(thread)].evaluate(encoded, out);
  });
}

BatchPool<ViewBatch> TaskViews::evaluate_ahead(
    std::int64_t batches, std::function<std::vector<std::int64_t>(std::int64_t batch)> images_of) {
  return BatchPool<ViewBatch>(
      {.open = [this, batches, images_of](std::int64_t number,
                                          ViewBatch& batch) -> std::optional<std::int64_t> {
         if (number == batches) return {};
         batch.images = images_of(number);
         batch.pixels.resize(batch.images.size() * image_bytes_);
         return std::ssize(batch.images);
       },
       .fill =
           [this](ViewBatch& batch, std::int64_t i, int thread) {
             const auto at = static_cast<std::size_t>(i);
             evaluate(batch.images[at], batch.pixels.data() + at * image_bytes_, thread);
           }},
      pool_options());
}

std::vector<std::uint8_t> TaskViews::evaluate(std::span<const std::int64_t> images) {
  std::vector<std::uint8_t> pixels(images.size() * image_bytes_);
  parallel_for(images.size(), static_cast<int>(makers_.size()), [&](std::size_t i, int thread) {
    evaluate(images[i], pixels.data() + i * image_bytes_, thread);
  });
  return pixels;
}

std::vector<std::uint8_t> TaskViews::evaluate(std::int64_t first, std::int64_t count) {
  return evaluate(image_run(first, count));
}

std::vector<std::int64_t> image_run(std::int64_t first, std::int64_t count) {
  std::vector<std::int64_t> images(static_cast<std::size_t>(count));
  std::iota(images.begin(), images.end(), first);
  return images;
}

}  // namespace ijepa
