// Orientation: how a camera says that its picture is to be turned (EXIF 2.3, tag 0x0112), and the
// turning. Decoders give pictures as they are stored; who shows them, or lays masks over them that
// were drawn on what people saw, turns them.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa {

/// 1 (as stored) to 8, of JPEG, PNG and WebP files. 1 where the file says nothing, or nonsense.
int exif_orientation(std::span<const std::uint8_t> encoded);

/// 5 to 8 swap height and width.
constexpr bool lies_on_side(int orientation) {
  return orientation >= 5;
}

/// As a viewer shows it: 2 is mirrored left and right, 3 turned by half, 4 mirrored top and bottom,
/// 5 mirrored at the main diagonal, 6 turned clockwise by a quarter, 7 mirrored at the other
/// diagonal, 8 turned counter-clockwise.
Image upright(Image stored, int orientation);
IndexImage upright(IndexImage stored, int orientation);
SampleImage upright(SampleImage stored, int orientation);

/// A JPEG or PNG file without an orientation that says this one; as it is for 1. For pictures that
/// are encoded again as they were stored.
std::vector<std::uint8_t> with_orientation(std::vector<std::uint8_t> encoded, int orientation);

/// decode_image() and upright().
Image decode_upright(std::span<const std::uint8_t> encoded);

}  // namespace ijepa
