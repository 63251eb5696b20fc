// How pixels lie in batches, by their channels: red, green and blue as bytes, any other number of
// channels as 16-bit samples, so that nothing of a picture of 16 bits is lost.
#pragma once
#include <cstdint>

#include "ijepa/core/tensor.hpp"

namespace ijepa {

/// More than any instrument's bands; sizes that are products with it stay far from overflow.
constexpr std::int64_t most_channels = 256;

/// uint8 of three channels, 0 to 255; uint16 of others, 0 to 65535.
constexpr DType pixel_type(std::int64_t channels) {
  return channels == 3 ? DType::u8 : DType::u16;
}

constexpr std::int64_t bytes_of_pixel(std::int64_t channels) {
  return channels * static_cast<std::int64_t>(size_of(pixel_type(channels)));
}

}  // namespace ijepa
