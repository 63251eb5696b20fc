#include "ijepa/data/images/orientation.hpp"

#include <zlib.h>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

namespace ijepa {
namespace {

using Bytes = std::span<const std::uint8_t>;

/// Big- or little-endian numbers; zero beyond the end.
struct Numbers {
  Bytes bytes;
  bool big;

  std::uint32_t read(std::size_t at, std::size_t count) const {
    if (at > bytes.size() || count > bytes.size() - at) return 0;
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i)
      value = value << 8 | bytes[at + (big ? i : count - 1 - i)];
    return value;
  }
};

bool has_text(Bytes bytes, std::size_t at, std::string_view text) {
  return at <= bytes.size() && text.size() <= bytes.size() - at &&
         std::equal(text.begin(), text.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at),
                    [](char a, std::uint8_t b) { return static_cast<std::uint8_t>(a) == b; });
}

/// Of a block that begins as a TIFF file does: the entry of its first directory.
int tiff_orientation(Bytes tiff) {
  const bool big = has_text(tiff, 0, "MM");
  if (!big && !has_text(tiff, 0, "II")) return 1;
  const Numbers numbers{tiff, big};
  const std::size_t directory = numbers.read(4, 4), entries = numbers.read(directory, 2);
  for (std::size_t i = 0; i < entries; ++i) {
    const auto entry = directory + 2 + 12 * i;
    if (numbers.read(entry, 2) != 0x0112) continue;
    const auto value = numbers.read(entry + 8, numbers.read(entry + 2, 2) == 4 ? 4 : 2);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

Bytes exif_of_jpeg(Bytes file) {
  const Numbers numbers{file, true};
  for (std::size_t at = 2; at + 4 <= file.size() && file[at] == 0xFF;) {
    const auto marker = file[at + 1];
    if (marker == 0xFF) {  // filling
      ++at;
      continue;
    }
    const std::size_t length = numbers.read(at + 2, 2);
    if (marker == 0xDA || length < 2 || length > file.size() - at - 2) break;
    if (marker == 0xE1 && has_text(file, at + 4, std::string_view("Exif\0\0", 6)) && length >= 8)
      return file.subspan(at + 10, length - 8);
    at += 2 + length;
  }
  return {};
}

/// The chunk of a name. PNG: length, name, data, checksum; RIFF: name, length, data, made even.
Bytes chunk(Bytes file, std::size_t at, std::string_view name, bool png) {
  const Numbers numbers{file, png};
  while (at + 8 <= file.size()) {
    const std::size_t length = numbers.read(at + (png ? 0 : 4), 4);
    if (length > file.size() - at - 8) break;
    if (has_text(file, at + (png ? 4 : 0), name)) return file.subspan(at + 8, length);
    at += 8 + length + (png ? 4 : length % 2);
  }
  return {};
}

Bytes exif_of(Bytes file) {
  if (has_text(file, 0, "\xFF\xD8\xFF")) return exif_of_jpeg(file);
  if (has_text(file, 1, "PNG\r\n")) return chunk(file, 8, "eXIf", true);
  if (!has_text(file, 0, "RIFF") || !has_text(file, 8, "WEBP")) return {};
  const auto block = chunk(file, 12, "EXIF", false);
  // Some programs keep the heading of a JPEG's.
  return has_text(block, 0, std::string_view("Exif\0\0", 6)) ? block.subspan(6) : block;
}

/// A TIFF block whose one entry is the orientation (EXIF 2.3, 4.5.2: big-endian).
std::vector<std::uint8_t> exif_block(int orientation) {
  return {'M', 'M',  0, 42, 0, 0, 0, 8, 0, 1,
          1,   0x12, 0, 3,  0, 0, 0, 1, 0, static_cast<std::uint8_t>(orientation),
          0,   0,    0, 0,  0, 0};
}

void append_big(std::uint32_t number, std::vector<std::uint8_t>& to) {
  for (const unsigned shift : {24U, 16U, 8U, 0U})
    to.push_back(static_cast<std::uint8_t>(number >> shift));
}

std::vector<std::uint8_t> jpeg_segment(const std::vector<std::uint8_t>& exif) {
  std::vector<std::uint8_t> out{
      0xFF, 0xE1, 0, static_cast<std::uint8_t>(exif.size() + 8), 'E', 'x', 'i', 'f', 0, 0};
  out.insert(out.end(), exif.begin(), exif.end());
  return out;
}

std::vector<std::uint8_t> png_chunk(const std::vector<std::uint8_t>& exif) {
  std::vector<std::uint8_t> out;
  append_big(static_cast<std::uint32_t>(exif.size()), out);
  out.insert(out.end(), {'e', 'X', 'I', 'f'});
  out.insert(out.end(), exif.begin(), exif.end());
  const auto checksum = crc32(0, out.data() + 4, static_cast<uInt>(exif.size() + 4));
  append_big(static_cast<std::uint32_t>(checksum), out);
  return out;
}

/// The pixels read from another corner, along columns where the picture lies on its side.
template <class Value>
std::vector<Value> turned(const std::vector<Value>& stored, int height, int width,
                          std::ptrdiff_t values, int orientation) {
  const bool side = lies_on_side(orientation);
  const bool from_bottom =
      orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const bool from_right =
      orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const std::ptrdiff_t down = std::ptrdiff_t{from_bottom ? -1 : 1} * width * values;
  const std::ptrdiff_t right = (from_right ? -1 : 1) * values;
  std::ptrdiff_t row = (from_bottom ? std::ptrdiff_t{height - 1} * width * values : 0) +
                       (from_right ? (width - 1) * values : 0);
  const int rows = side ? width : height, columns = side ? height : width;
  std::vector<Value> out;
  out.reserve(stored.size());
  for (int y = 0; y < rows; ++y, row += side ? right : down)
    for (std::ptrdiff_t x = 0, pixel = row; x < columns; ++x, pixel += side ? down : right)
      out.insert(out.end(), stored.begin() + pixel, stored.begin() + pixel + values);
  return out;
}

}  // namespace

int exif_orientation(std::span<const std::uint8_t> encoded) {
  return tiff_orientation(exif_of(encoded));
}

Image upright(Image stored, int orientation) {
  if (orientation <= 1) return stored;
  stored.rgb = turned(stored.rgb, stored.height, stored.width, 3, orientation);
  if (lies_on_side(orientation)) std::swap(stored.height, stored.width);
  return stored;
}

IndexImage upright(IndexImage stored, int orientation) {
  if (orientation <= 1) return stored;
  stored.index = turned(stored.index, stored.height, stored.width, 1, orientation);
  if (lies_on_side(orientation)) std::swap(stored.height, stored.width);
  return stored;
}

SampleImage upright(SampleImage stored, int orientation) {
  if (orientation <= 1) return stored;
  stored.samples =
      turned(stored.samples, stored.height, stored.width, stored.channels, orientation);
  if (lies_on_side(orientation)) std::swap(stored.height, stored.width);
  return stored;
}

std::vector<std::uint8_t> with_orientation(std::vector<std::uint8_t> encoded, int orientation) {
  if (orientation <= 1) return encoded;
  constexpr std::ptrdiff_t png_start = 33;  // the signature and the header's chunk
  const bool png = has_text(encoded, 1, "PNG\r\n");
  const auto exif = exif_block(orientation);
  const auto added = png ? png_chunk(exif) : jpeg_segment(exif);
  encoded.insert(encoded.begin() + (png ? png_start : 2), added.begin(), added.end());
  return encoded;
}

Image decode_upright(std::span<const std::uint8_t> encoded) {
  return upright(decode_image(encoded), exif_orientation(encoded));
}

}  // namespace ijepa
