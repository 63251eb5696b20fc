// Canvas: what sheets of pictures are made of: pictures fitted into cells, pasted together, and
// encoded as PNG.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/data/images/image.hpp"

namespace ijepa {

using Rgb = std::array<std::uint8_t, 3>;

/// A picture of one colour.
Image plain_image(int height, int width, std::uint8_t red, std::uint8_t green, std::uint8_t blue);

/// `picture` made as large as fits into a square of `side` pixels.
Image fitted(const ImageView& picture, int side);

/// Gives the pixels of `box`, which lies inside, one colour.
void fill(Image& to, const Box& box, const Rgb& colour);

/// Copies `from` into `to`, wholly inside, with its upper left corner at (top, left).
void paste(const Image& from, int top, int left, Image& to);

/// The picture as the bytes of a PNG file.
std::vector<std::uint8_t> png_bytes(const ImageView& picture);

/// The file appears whole or not at all.
void write_png(const Image& picture, const std::string& path);

/// A palette PNG of 8 bits: pixel values are `map`'s, shown in the colours of `palette` (r, g, b;
/// at most 256, as many as values occur at least). The file appears whole or not at all.
void write_index_png(const IndexImage& map, const std::vector<Rgb>& palette,
                     const std::string& path);

}  // namespace ijepa
