// Colour: the pixel operations of augmentation on 8-bit RGB, in place, with the arithmetic of PIL
// (ImageEnhance, convert, GaussianBlur) as torchvision calls it: bit for bit.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/data/images/image.hpp"

namespace ijepa {

/// Pixels to change in place: uint8 (height, width, 3) without gaps.
struct Pixels {
  std::uint8_t* rgb = nullptr;
  int height = 0, width = 0;

  std::span<std::uint8_t> bytes() const {
    return {rgb, static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3};
  }
};

/// Blends from black (0) past the picture itself (1). factor >= 0, here and below.
void adjust_brightness(const Pixels& image, double factor);

/// Blends from the flat grey of the picture's mean luminance.
void adjust_contrast(const Pixels& image, double factor);

/// Blends from the picture's own grey.
void adjust_saturation(const Pixels& image, double factor);

/// Turns the hue of 8-bit HSV by `factor` of the circle, -0.5 to 0.5.
void adjust_hue(const Pixels& image, double factor);

/// Luminance (ITU-R 601-2) in all three channels.
void to_grey(const Pixels& image);

/// Mirrors left and right.
void flip_horizontal(const Pixels& image);

/// PIL's GaussianBlur: three passes of a box filter with soft edges along rows, then along columns.
/// `radius` is the standard deviation in pixels; `scratch` is kept between calls.
void gaussian_blur(const Pixels& image, double radius, std::vector<std::uint8_t>& scratch);

}  // namespace ijepa
