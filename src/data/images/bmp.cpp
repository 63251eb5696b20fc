// BMP: palettes of 1, 4 and 8 bits, and 16, 24 and 32 bits a pixel, none of them run-length coded.
#include <algorithm>
#include <array>
#include <bit>

#include "codec.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

using Span = std::span<const std::uint8_t>;

constexpr std::size_t file_header = 14;

[[noreturn]] void fail_early() {
  fail("The BMP data ends early.");
}

std::uint32_t number(Span bytes, std::size_t at, std::size_t count) {
  if (at + count > bytes.size()) fail_early();
  std::uint32_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8 | bytes[at + i];
  return value;
}

struct Header {
  Size size;
  bool top_down = false;
  std::uint32_t bits = 0;              // a pixel
  std::size_t palette = 0, entry = 4;  // where it begins, bytes of a colour
  std::size_t colours = 0;
  std::size_t pixels = 0;                // where they begin
  std::array<std::uint32_t, 3> masks{};  // red, green, blue of 16 and 32 bits

  std::size_t stride() const { return (static_cast<std::size_t>(size.width) * bits + 31) / 32 * 4; }
};

int length(std::int64_t pixels) {
  constexpr std::int64_t largest = 1 << 30;
  check(pixels > 0 && pixels <= largest, "The BMP data is damaged: a side of {} pixels.", pixels);
  return static_cast<int>(pixels);
}

void read_masks(Span bytes, std::uint32_t compression, Header& h) {
  constexpr std::uint32_t fields = 3, alpha_fields = 6;
  check(compression == 0 || compression == fields || compression == alpha_fields,
        "The BMP image is compressed (kind {}), which is not read.", compression);
  if (h.bits == 16) h.masks = {0x7C00, 0x3E0, 0x1F};
  if (h.bits == 32) h.masks = {0xFF0000, 0xFF00, 0xFF};
  if (compression == 0) return;
  // Behind the smallest header or inside the larger ones, which is the same place.
  for (std::size_t c = 0; c < 3; ++c) h.masks[c] = number(bytes, 54 + 4 * c, 4);
  check(std::ranges::all_of(h.masks, [](auto mask) { return mask != 0; }),
        "The BMP data is damaged: a colour without bits.");
}

Header read_header(Span bytes) {
  Header h;
  h.pixels = number(bytes, 10, 4);
  const std::size_t header = number(bytes, file_header, 4);
  h.palette = file_header + header;
  if (header == 12) {
    h.entry = 3;
    h.size = {length(number(bytes, 20, 2)), length(number(bytes, 18, 2))};
    h.bits = number(bytes, 24, 2);
    read_masks(bytes, 0, h);
  } else {
    const std::int64_t height = static_cast<std::int32_t>(number(bytes, 22, 4));
    h.top_down = height < 0;
    h.size = {length(h.top_down ? -height : height),
              length(static_cast<std::int32_t>(number(bytes, 18, 4)))};
    h.bits = number(bytes, 28, 2);
    h.colours = number(bytes, 46, 4);
    read_masks(bytes, number(bytes, 30, 4), h);
  }
  constexpr std::array<std::uint32_t, 6> known{1, 4, 8, 16, 24, 32};
  check(std::ranges::count(known, h.bits) == 1, "The BMP image has {} bits a pixel.", h.bits);
  const std::size_t most = h.bits <= 8 ? std::size_t{1} << h.bits : 0;
  h.colours = h.colours == 0 ? most : std::min(h.colours, most);
  return h;
}

/// The bits of `mask` in `value`, spread over 0 to 255.
std::uint8_t field(std::uint32_t value, std::uint32_t mask) {
  const std::uint64_t largest = mask >> std::countr_zero(mask);
  const std::uint64_t part = (value & mask) >> std::countr_zero(mask);
  return static_cast<std::uint8_t>((part * 255 + largest / 2) / largest);
}

void put_pixel(Span bytes, const Header& h, std::size_t row, std::size_t x, std::uint8_t* rgb) {
  if (h.bits == 16 || h.bits == 32) {
    const std::uint32_t value = number(bytes, row + x * h.bits / 8, h.bits / 8);
    for (std::size_t c = 0; c < 3; ++c) rgb[c] = field(value, h.masks[c]);
    return;
  }
  std::size_t at = row + 3 * x;
  if (h.bits <= 8) {
    const std::size_t bit = x * h.bits;
    const std::size_t index = bytes[row + bit / 8] >> (8 - h.bits - bit % 8) & ((1U << h.bits) - 1);
    if (index >= h.colours) return;  // black
    at = h.palette + h.entry * index;
  }
  for (std::size_t c = 0; c < 3; ++c) rgb[c] = bytes[at + 2 - c];
}

}  // namespace

Size bmp_size(Span bytes) {
  return read_header(bytes).size;
}

void check_bmp(Span bytes) {
  const Header h = read_header(bytes);
  if (h.pixels + h.stride() * static_cast<std::size_t>(h.size.height) > bytes.size() ||
      h.palette + h.entry * h.colours > bytes.size())
    fail_early();
}

void decode_bmp(Span bytes, const Size& size, std::uint8_t* rgb) {
  const Header h = read_header(bytes);
  const auto height = static_cast<std::size_t>(size.height);
  const auto width = static_cast<std::size_t>(size.width);
  for (std::size_t y = 0; y < height; ++y)
    for (std::size_t x = 0; x < width; ++x)
      put_pixel(bytes, h, h.pixels + h.stride() * (h.top_down ? y : height - 1 - y), x,
                rgb + 3 * (y * width + x));
}

}  // namespace ijepa
