#include <png.h>

#include <algorithm>
#include <cstring>

#include "data_tools/inspect.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/image.hpp"
#include "ijepa/data/resize.hpp"

namespace ijepa::tools {
namespace {

constexpr int gap = 2;  // white pixels between images

/// `picture` made as large as fits into a square.
Image fitted(const ImageView& picture, int side) {
  const double scale = static_cast<double>(side) / std::max(picture.height, picture.width);
  const auto length = [&](int pixels) {
    return std::clamp(static_cast<int>(pixels * scale + 0.5), 1, side);
  };
  Image out{length(picture.height), length(picture.width), {}};
  out.rgb.resize(std::size_t{3} * static_cast<std::size_t>(out.height) *
                 static_cast<std::size_t>(out.width));
  Resizer().resize(picture, {out.height, out.width}, out.rgb.data());
  return out;
}

Image red_square(int side) {
  Image out{side, side, {}};
  for (int i = 0; i < side * side; ++i) out.rgb.insert(out.rgb.end(), {255, 0, 0});
  return out;
}

Image cell_of(const ShardSet& set, std::int64_t image, int side) {
  try {
    std::vector<std::uint8_t> encoded;
    set.read(image, encoded);
    return fitted(decode_image(encoded).view(), side);
  } catch (const Error&) {
    return red_square(side);
  }
}

/// Copies `from` into `to` with its upper left corner at (top, left).
void paste(const Image& from, int top, int left, Image& to) {
  const auto row_bytes = static_cast<std::size_t>(from.width) * 3;
  for (int y = 0; y < from.height; ++y)
    std::memcpy(to.rgb.data() + (std::size_t{3} * static_cast<std::size_t>(top + y) *
                                     static_cast<std::size_t>(to.width) +
                                 std::size_t{3} * static_cast<std::size_t>(left)),
                from.rgb.data() + static_cast<std::size_t>(y) * row_bytes, row_bytes);
}

void write_png(const Image& picture, const std::string& path) {
  png_image header{};
  header.version = PNG_IMAGE_VERSION;
  header.width = static_cast<png_uint_32>(picture.width);
  header.height = static_cast<png_uint_32>(picture.height);
  header.format = PNG_FORMAT_RGB;
  const int written =
      png_image_write_to_file(&header, path.c_str(), 0, picture.rgb.data(), 0, nullptr);
  check(written != 0, "Cannot write {}: {}.", path, header.message);
}

}  // namespace

void write_contact_sheet(const ShardSet& set, int columns, int rows, int cell,
                         const std::string& path) {
  check(set.size() > 0, "There are no images to show.");
  Image sheet{rows * (cell + gap) + gap, columns * (cell + gap) + gap, {}};
  sheet.rgb.assign(std::size_t{3} * static_cast<std::size_t>(sheet.height) *
                       static_cast<std::size_t>(sheet.width),
                   255);
  const std::int64_t cells = std::int64_t{rows} * columns;
  const std::int64_t shown = std::min(cells, set.size());
  for (std::int64_t i = 0; i < shown; ++i) {
    const Image picture = cell_of(set, i * set.size() / shown, cell);
    const auto row = static_cast<int>(i / columns), column = static_cast<int>(i % columns);
    paste(picture, gap + row * (cell + gap) + (cell - picture.height) / 2,
          gap + column * (cell + gap) + (cell - picture.width) / 2, sheet);
  }
  write_png(sheet, path);
}

}  // namespace ijepa::tools
