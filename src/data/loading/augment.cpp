#include "ijepa/data/loading/augment.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

#include "ijepa/core/error.hpp"
#include "ijepa/core/pixel_type.hpp"

namespace ijepa {
namespace {

constexpr int crop_tries = 10;
constexpr double flip_probability = 0.5, jitter_probability = 0.8, grey_probability = 0.2;
constexpr double blur_probability = 0.5, blur_radius_min = 0.1, blur_radius_max = 2.0;
constexpr double jitter_share = 0.8, hue_share = 0.2;  // of the colour strength

// Halves to even, as Python rounds.
int rounded(double x) {
  return static_cast<int>(std::nearbyint(x));
}

}  // namespace

void check_augment(const AugmentConfig& c) {
  check(c.crop_height > 0 && c.crop_width > 0, "A crop of {} x {} pixels has no pixels.",
        c.crop_width, c.crop_height);
  check(c.scale_min > 0 && c.scale_min <= c.scale_max && c.scale_max <= 1,
        "The crop scale {} to {} must rise within (0, 1].", c.scale_min, c.scale_max);
  check(c.ratio_min > 0 && c.ratio_min <= c.ratio_max && std::isfinite(c.ratio_max),
        "The crop ratio {} to {} must be positive and rise.", c.ratio_min, c.ratio_max);
  // A hue turn is at most half the circle: 0.2 s <= 0.5.
  check(c.colour_strength >= 0 && c.colour_strength <= 2.5,
        "The colour strength {} is outside 0 to 2.5.", c.colour_strength);
  check(c.channels >= 1 && c.channels <= most_channels, "{} channels are not possible: 1 to {}.",
        c.channels, most_channels);
  check(c.channels == 3 || (c.colour_strength == 0 && !c.blur),
        "Colour distortion and blur change red, green and blue, not {} channels.", c.channels);
}

Box draw_crop(const Size& picture, const AugmentConfig& c, Rng& rng) {
  const double area = static_cast<double>(picture.height) * picture.width;
  for (int i = 0; i < crop_tries; ++i) {
    const double target = area * rng.uniform(c.scale_min, c.scale_max);
    const double ratio = std::exp(rng.uniform(std::log(c.ratio_min), std::log(c.ratio_max)));
    const int width = rounded(std::sqrt(target * ratio));
    const int height = rounded(std::sqrt(target / ratio));
    if (width <= 0 || height <= 0 || width > picture.width || height > picture.height) continue;
    const auto offset = [&](int whole, int inside) {
      return static_cast<int>(rng.below(unsigned_of(whole - inside + 1)));
    };
    const int top = offset(picture.height, height);
    return {top, offset(picture.width, width), height, width};
  }
  const double ratio = static_cast<double>(picture.width) / picture.height;
  Box box{0, 0, picture.height, picture.width};
  if (ratio < c.ratio_min) box.height = rounded(picture.width / c.ratio_min);
  if (ratio > c.ratio_max) box.width = rounded(picture.height * c.ratio_max);
  box.height = std::clamp(box.height, 1, picture.height);
  box.width = std::clamp(box.width, 1, picture.width);
  box.top = (picture.height - box.height) / 2;
  box.left = (picture.width - box.width) / 2;
  return box;
}

// Every number is drawn whether it is used or not: switching one augmentation leaves the others.
AugmentDraw draw_augment(const AugmentConfig& c, Rng& rng) {
  const double strength = c.colour_strength;
  const auto factor = [&] {
    return rng.uniform(std::max(0.0, 1 - jitter_share * strength), 1 + jitter_share * strength);
  };
  AugmentDraw draw;
  draw.flip = rng.uniform() < flip_probability && c.flip;
  draw.jitter = rng.uniform() < jitter_probability && strength > 0;
  for (std::size_t i = draw.order.size(); i > 1; --i)
    std::swap(draw.order[i - 1], draw.order[rng.below(i)]);
  draw.brightness = factor();
  draw.contrast = factor();
  draw.saturation = factor();
  draw.hue = rng.uniform(-hue_share * strength, hue_share * strength);
  draw.grey = rng.uniform() < grey_probability && strength > 0;
  const bool blurred = rng.uniform() < blur_probability && c.blur;
  const double radius = rng.uniform(blur_radius_min, blur_radius_max);
  draw.blur_radius = blurred ? radius : 0;
  return draw;
}

Augmenter::Augmenter(const AugmentConfig& config, std::uint64_t seed, std::int64_t max_pixels)
    : config_(config), seed_(seed), reader_(config.channels, max_pixels) {
  check_augment(config_);
}

void Augmenter::train(std::span<const std::uint8_t> encoded, std::int64_t epoch,
                      std::int64_t position, std::uint8_t* out) {
  if (config_.crop_kind == CropKind::centred) {
    evaluate(encoded, out);
  } else {
    const Size picture = reader_.open(encoded);
    Rng crop_rng(seed_, Purpose::crop, unsigned_of(epoch), unsigned_of(position));
    const Box box = draw_crop(picture, config_, crop_rng);
    reader_.read_box(box, config_.crop(), out);
  }
  Rng augment_rng(seed_, Purpose::augment, unsigned_of(epoch), unsigned_of(position));
  apply(draw_augment(config_, augment_rng), out);
}

void Augmenter::evaluate(std::span<const std::uint8_t> encoded, std::uint8_t* out) {
  const Size picture = reader_.open(encoded);
  const Size scaled = evaluation_size(picture, config_.crop());
  reader_.read_part(scaled, centre_box(scaled, config_.crop()), out);
}

void Augmenter::apply(const AugmentDraw& draw, std::uint8_t* pixels) {
  if (draw.flip) flip_pixels(pixels, config_.crop(), config_.channels);
  if (config_.channels != 3) return;
  const Pixels image{pixels, config_.crop_height, config_.crop_width};
  if (draw.jitter) {
    constexpr std::array operations{adjust_brightness, adjust_contrast, adjust_saturation,
                                    adjust_hue};
    const std::array factors{draw.brightness, draw.contrast, draw.saturation, draw.hue};
    for (const int i : draw.order) {
      const auto at = static_cast<std::size_t>(i);
      operations[at](image, factors[at]);
    }
  }
  if (draw.grey) to_grey(image);
  if (draw.blur_radius > 0) gaussian_blur(image, draw.blur_radius, scratch_);
}

}  // namespace ijepa
