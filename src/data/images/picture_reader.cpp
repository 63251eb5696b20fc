#include "ijepa/data/images/picture_reader.hpp"

#include <algorithm>

#include "ijepa/data/images/colour.hpp"

namespace ijepa {
namespace {

std::uint16_t* as_samples(std::uint8_t* pixels) {
  return reinterpret_cast<std::uint16_t*>(pixels);
}

Box all_of(const Size& size) {
  return {0, 0, size.height, size.width};
}

}  // namespace

PictureReader::PictureReader(int channels, std::int64_t max_pixels) : decoder_(max_pixels) {
  if (channels != 3) samples_.emplace(channels, max_pixels);
}

Size PictureReader::open(std::span<const std::uint8_t> encoded) {
  return samples_ ? samples_->open(encoded) : decoder_.open(encoded);
}

void PictureReader::read_box(const Box& box, const Size& scaled, std::uint8_t* out) {
  if (samples_)
    sample_resizer_.resize(samples_->decode(box), scaled, all_of(scaled), as_samples(out));
  else
    resizer_.resize(decoder_.decode(box), scaled, out);
}

void PictureReader::read_part(const Size& scaled, const Box& part, std::uint8_t* out) {
  if (samples_)
    sample_resizer_.resize(samples_->decode(), scaled, part, as_samples(out));
  else
    resizer_.resize(decoder_.decode(), scaled, part, out);
}

void PictureReader::read_for_errors() {
  if (samples_)
    samples_->decode();
  else
    decoder_.decode();
}

void flip_pixels(std::uint8_t* pixels, const Size& size, int channels) {
  if (channels == 3) return flip_horizontal({pixels, size.height, size.width});
  const std::ptrdiff_t row = std::ptrdiff_t{channels} * size.width;
  std::uint16_t* left = as_samples(pixels);
  for (int y = 0; y < size.height; ++y, left += row) {
    std::uint16_t *from = left, *to = left + row - channels;
    for (; from < to; from += channels, to -= channels) std::swap_ranges(from, from + channels, to);
  }
}

}  // namespace ijepa
