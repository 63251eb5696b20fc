// Shown: pictures of any channels as people see them. One channel is grey; of two the first is red
// and the second green; of more the first three are red, green and blue. Each is stretched from its
// 2nd to its 98th percentile in the picture, since 16 bits are seldom used up to their ends. Red,
// green and blue of 8 bits are shown as they are.
#pragma once
#include <cstdint>
#include <span>
#include <string>

#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa {

Image shown(const SampleView& picture);

/// An encoded picture in a network that takes `channels`. Errors as SampleDecoder, or ImageDecoder.
Image shown(std::span<const std::uint8_t> encoded, int channels);

/// An encoded picture by itself: with the channels and bits that it has.
Image shown_as_stored(std::span<const std::uint8_t> encoded);

/// Pixels of a batch (core/pixel_type.hpp), (height, width, channels).
Image shown(const std::uint8_t* pixels, const Size& size, int channels);

/// "channels 1, 2 and 3 of 5 as red, green and blue" for messages; empty for 1 and 3.
std::string shown_channels(int channels);

}  // namespace ijepa
