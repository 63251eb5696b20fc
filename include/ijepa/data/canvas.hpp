// Canvas: what sheets of pictures are made of: pictures fitted into cells, pasted together, and
// written as PNG.
#pragma once
#include <string>

#include "ijepa/data/image.hpp"

namespace ijepa {

/// A picture of one colour.
Image plain_image(int height, int width, std::uint8_t red, std::uint8_t green, std::uint8_t blue);

/// `picture` made as large as fits into a square of `side` pixels.
Image fitted(const ImageView& picture, int side);

/// Copies `from` into `to`, wholly inside, with its upper left corner at (top, left).
void paste(const Image& from, int top, int left, Image& to);

/// The file appears whole or not at all.
void write_png(const Image& picture, const std::string& path);

}  // namespace ijepa
