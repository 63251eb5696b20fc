// EXIF: the orientation put into encoded pictures, as cameras do.
#pragma once
#include <span>

#include "tests/support/pictures.hpp"

namespace ijepa::test {

/// A TIFF block with the orientation as its one entry.
inline Bytes exif_block(int orientation, bool big = true) {
  const auto value = static_cast<std::uint8_t>(orientation);
  if (big)
    return {'M', 'M', 0, 42, 0, 0, 0,     8, 0, 1, 1, 0x12, 0,
            3,   0,   0, 0,  1, 0, value, 0, 0, 0, 0, 0,    0};
  return {'I', 'I', 42, 0, 8, 0, 0, 0, 1, 0, 0x12, 1, 3, 0, 1, 0, 0, 0, value, 0, 0, 0, 0, 0, 0, 0};
}

inline Bytes with_exif(Bytes jpeg, int orientation, bool big = true) {
  const auto block = exif_block(orientation, big);
  Bytes segment{0xFF, 0xE1, 0, static_cast<std::uint8_t>(block.size() + 8), 'E', 'x', 'i',
                'f',  0,    0};
  segment.insert(segment.end(), block.begin(), block.end());
  jpeg.insert(jpeg.begin() + 2, segment.begin(), segment.end());
  return jpeg;
}

/// The checksum of PNG chunks.
inline std::uint32_t png_crc(std::span<const std::uint8_t> bytes) {
  std::uint32_t crc = 0xFFFFFFFF;
  for (const auto byte : bytes) {
    crc ^= byte;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0xEDB88320 : 0);
  }
  return ~crc;
}

inline Bytes png_with_exif(Bytes png, int orientation) {
  const auto block = exif_block(orientation);
  Bytes chunk{0, 0, 0, static_cast<std::uint8_t>(block.size()), 'e', 'X', 'I', 'f'};
  chunk.insert(chunk.end(), block.begin(), block.end());
  const auto crc = png_crc(std::span(chunk).subspan(4));
  for (int shift = 24; shift >= 0; shift -= 8)
    chunk.push_back(static_cast<std::uint8_t>(crc >> static_cast<unsigned>(shift)));
  png.insert(png.begin() + 33, chunk.begin(), chunk.end());  // behind the header's chunk
  return png;
}

}  // namespace ijepa::test
