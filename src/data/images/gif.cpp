// The first picture of a GIF through giflib, on the canvas that the file names.
#include <gif_lib.h>

#include <algorithm>
#include <cstring>
#include <memory>
#include <vector>

#include "codec.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

struct Bytes {
  std::span<const std::uint8_t> left;
};

int read_bytes(GifFileType* gif, GifByteType* to, int count) {
  auto& bytes = *static_cast<Bytes*>(gif->UserData);
  const auto n = std::min(static_cast<std::size_t>(std::max(count, 0)), bytes.left.size());
  std::memcpy(to, bytes.left.data(), n);
  bytes.left = bytes.left.subspan(n);
  return static_cast<int>(n);
}

[[noreturn]] void fail_with(int reason) {
  const char* text = GifErrorString(reason);
  fail("The GIF data is damaged: {}.", text != nullptr ? text : "it ends early");
}

class Gif {
 public:
  explicit Gif(std::span<const std::uint8_t> bytes) : bytes_{bytes} {
    int reason = 0;
    gif_.reset(DGifOpen(&bytes_, read_bytes, &reason));
    if (gif_ == nullptr) fail_with(reason);
  }

  GifFileType& operator*() const { return *gif_; }
  GifFileType* operator->() const { return gif_.get(); }
  void require(int status) const {
    if (status == GIF_ERROR) fail_with(gif_->Error);
  }

  /// Up to the first picture; the index of its transparent colour, -1 if there is none.
  int find_picture() const {
    int transparent = NO_TRANSPARENT_COLOR;
    for (GifRecordType record = UNDEFINED_RECORD_TYPE; record != IMAGE_DESC_RECORD_TYPE;) {
      require(DGifGetRecordType(gif_.get(), &record));
      check(record != TERMINATE_RECORD_TYPE, "The GIF file holds no picture.");
      if (record == EXTENSION_RECORD_TYPE) skip_extension(transparent);
    }
    require(DGifGetImageDesc(gif_.get()));
    return transparent;
  }

 private:
  struct Close {
    void operator()(GifFileType* gif) const { DGifCloseFile(gif, nullptr); }
  };

  void skip_extension(int& transparent) const {
    int code = 0;
    GifByteType* block = nullptr;
    GraphicsControlBlock control{};
    require(DGifGetExtension(gif_.get(), &code, &block));
    if (code == GRAPHICS_EXT_FUNC_CODE && block != nullptr &&
        DGifExtensionToGCB(block[0], block + 1, &control) == GIF_OK)
      transparent = control.TransparentColor;
    while (block != nullptr) require(DGifGetExtensionNext(gif_.get(), &block));
  }

  Bytes bytes_;
  std::unique_ptr<GifFileType, Close> gif_;
};

void put(const ColorMapObject* colours, int index, std::uint8_t* rgb) {
  if (colours != nullptr && index >= colours->ColorCount) return;  // black
  const auto grey = static_cast<std::uint8_t>(index);
  const GifColorType c =
      colours != nullptr ? colours->Colors[index] : GifColorType{grey, grey, grey};
  rgb[0] = c.Red;
  rgb[1] = c.Green;
  rgb[2] = c.Blue;
}

/// The rows in the order in which they are stored.
std::vector<int> row_order(int height, bool interlaced) {
  std::vector<int> rows;
  if (!interlaced)
    for (int y = 0; y < height; ++y) rows.push_back(y);
  else
    for (const auto& [first, step] : {std::pair{0, 8}, {4, 8}, {2, 4}, {1, 2}})
      for (int y = first; y < height; y += step) rows.push_back(y);
  return rows;
}

}  // namespace

Size gif_size(std::span<const std::uint8_t> bytes) {
  const Gif gif(bytes);
  return {gif->SHeight, gif->SWidth};
}

void decode_gif(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb) {
  const Gif gif(bytes);
  const int ground = std::max(gif.find_picture(), 0);
  const auto& picture = gif->Image;
  const ColorMapObject* colours = picture.ColorMap != nullptr ? picture.ColorMap : gif->SColorMap;
  check(picture.Left >= 0 && picture.Top >= 0 && picture.Width > 0 && picture.Height > 0 &&
            picture.Left + picture.Width <= size.width &&
            picture.Top + picture.Height <= size.height,
        "The GIF data is damaged: its picture does not lie inside its canvas.");
  const auto at = [&](int y, int x) { return rgb + 3 * (std::int64_t{y} * size.width + x); };
  if (picture.Width < size.width || picture.Height < size.height)
    for (int y = 0; y < size.height; ++y)
      for (int x = 0; x < size.width; ++x) put(colours, ground, at(y, x));
  std::vector<GifPixelType> row(static_cast<std::size_t>(picture.Width));
  for (const int y : row_order(picture.Height, picture.Interlace)) {
    gif.require(DGifGetLine(&*gif, row.data(), picture.Width));
    for (int x = 0; x < picture.Width; ++x)
      put(colours, row[static_cast<std::size_t>(x)], at(picture.Top + y, picture.Left + x));
  }
}

}  // namespace ijepa
