// Stored samples: a picture of PNG or TIFF with the channels and bits that it has. Private to
// src/data.
#pragma once
#include <optional>

#include "ijepa/data/samples.hpp"

namespace ijepa {

struct StoredSamples {
  SampleImage image;
  bool colours = false;  // the first three channels are red, green and blue
  bool alpha = false;    // the last channel says how opaque a pixel is
};

StoredChannels png_channels(std::span<const std::uint8_t> bytes);
StoredSamples png_samples(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);

/// `wanted`: more than 1 also finds so many pictures of one channel each. Nothing where the samples
/// are no plain numbers of 8 or 16 bits but a palette, a colour space, or of other bits.
std::optional<StoredSamples> tiff_samples(std::span<const std::uint8_t> bytes, int wanted,
                                          std::int64_t max_pixels);

/// Of a TIFF of which tiff_samples() is nothing.
WrongChannels no_plain_numbers(std::span<const std::uint8_t> bytes, int wanted);

/// An Error if a picture has more than 3 * max_pixels samples.
void check_samples(const Size& size, std::int64_t channels, std::int64_t max_pixels);

}  // namespace ijepa
