#include "ijepa/data/images/canvas.hpp"

#include <png.h>

#include <algorithm>
#include <cstring>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/resize.hpp"

namespace ijepa {
namespace {

std::size_t bytes_of(int height, int width) {
  return std::size_t{3} * static_cast<std::size_t>(height) * static_cast<std::size_t>(width);
}

struct PngKind {
  int width, height;
  png_uint_32 format;
  std::size_t colours;        // of the palette
  std::ptrdiff_t stride = 0;  // bytes from row to row; 0: without gaps
};

template <class Bytes>
Bytes encode_png(const PngKind& kind, const void* pixels, const void* palette) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(kind.width);
  header.height = static_cast<png_uint_32>(kind.height);
  header.format = kind.format;
  header.colormap_entries = static_cast<png_uint_32>(kind.colours);
  png_alloc_size_t bytes = PNG_IMAGE_PNG_SIZE_MAX(header);
  Bytes encoded(bytes, 0);
  const int written = png_image_write_to_memory(&header, encoded.data(), &bytes, 0, pixels,
                                                static_cast<png_int_32>(kind.stride), palette);
  check(written != 0, "Cannot write a PNG of {} x {} pixels: {}.", kind.width, kind.height,
        header.message);
  encoded.resize(bytes);
  return encoded;
}

}  // namespace

Image plain_image(int height, int width, std::uint8_t red, std::uint8_t green, std::uint8_t blue) {
  Image out{height, width, {}};
  out.rgb.reserve(bytes_of(height, width));
  for (int i = 0; i < height * width; ++i) out.rgb.insert(out.rgb.end(), {red, green, blue});
  return out;
}

Image fitted(const ImageView& picture, int side) {
  const double scale = static_cast<double>(side) / std::max(picture.height, picture.width);
  const auto length = [&](int pixels) {
    return std::clamp(static_cast<int>(pixels * scale + 0.5), 1, side);
  };
  Image out{length(picture.height), length(picture.width), {}};
  out.rgb.resize(bytes_of(out.height, out.width));
  Resizer().resize(picture, {out.height, out.width}, out.rgb.data());
  return out;
}

void fill(Image& to, const Box& box, const Rgb& colour) {
  for (int y = box.top; y < box.top + box.height; ++y)
    for (int x = box.left; x < box.left + box.width; ++x)
      std::ranges::copy(colour, to.rgb.begin() +
                                    static_cast<std::ptrdiff_t>(bytes_of(y, to.width)) +
                                    std::ptrdiff_t{3} * x);
}

void paste(const Image& from, int top, int left, Image& to) {
  const auto row_bytes = bytes_of(1, from.width);
  for (int y = 0; y < from.height; ++y)
    std::memcpy(to.rgb.data() + bytes_of(top + y, to.width) + bytes_of(1, left),
                from.rgb.data() + static_cast<std::size_t>(y) * row_bytes, row_bytes);
}

std::vector<std::uint8_t> png_bytes(const ImageView& picture) {
  return encode_png<std::vector<std::uint8_t>>(
      {picture.width, picture.height, PNG_FORMAT_RGB, 0, picture.stride}, picture.rgb, nullptr);
}

void write_png(const Image& picture, const std::string& path) {
  const PngKind kind{picture.width, picture.height, PNG_FORMAT_RGB, 0};
  write_file_atomically(path, encode_png<std::string>(kind, picture.rgb.data(), nullptr));
}

void write_index_png(const IndexImage& map, const std::vector<Rgb>& palette,
                     const std::string& path) {
  const PngKind kind{map.width, map.height, PNG_FORMAT_RGB_COLORMAP, palette.size()};
  write_file_atomically(path, encode_png<std::string>(kind, map.index.data(), palette.data()));
}

}  // namespace ijepa
