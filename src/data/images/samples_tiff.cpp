// TIFF with the channels and bits that it has, strip by strip or tile by tile.
#include <algorithm>
#include <memory>
#include <utility>

#include "codec.hpp"
#include "ijepa/core/pixel_type.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "tiff_file.hpp"

namespace ijepa {
namespace {

/// How one picture of the file lies in it.
struct Layout {
  Size size;
  int channels = 0, bits = 0, photometric = 0;
  bool apart = false;  // a plane a channel
  bool numbers = false;
  bool operator==(const Layout&) const = default;

  bool plain() const {
    return numbers && (bits == 8 || bits == 16) &&
           (photometric == PHOTOMETRIC_MINISBLACK ||
            (photometric == PHOTOMETRIC_RGB && channels > 1) ||
            (photometric == PHOTOMETRIC_MINISWHITE && channels == 1));
  }
};

Layout layout_of(const TiffFile& tiff) {
  return {.size = tiff.size(),
          .channels = tiff.tag(TIFFTAG_SAMPLESPERPIXEL),
          .bits = tiff.tag(TIFFTAG_BITSPERSAMPLE),
          .photometric = tiff.photometric(),
          .apart = tiff.tag(TIFFTAG_PLANARCONFIG) == PLANARCONFIG_SEPARATE,
          .numbers = tiff.has_plain_numbers()};
}

/// Strips or tiles: rectangles of a plane that are decoded at once.
class Blocks {
 public:
  Blocks(const TiffFile& tiff, const Layout& layout)
      : tiff_(tiff), layout_(layout), tiled_(TIFFIsTiled(tiff.get()) != 0) {
    std::uint32_t height = 0, width = 0;
    if (tiled_) {
      TiffFile::require(TIFFGetField(tiff.get(), TIFFTAG_TILELENGTH, &height) != 0 &&
                        TIFFGetField(tiff.get(), TIFFTAG_TILEWIDTH, &width) != 0);
    } else {
      TIFFGetFieldDefaulted(tiff.get(), TIFFTAG_ROWSPERSTRIP, &height);
      height = std::min(height, static_cast<std::uint32_t>(layout.size.height));
      width = static_cast<std::uint32_t>(layout.size.width);
    }
    bytes_ = tiled_ ? TIFFTileSize(tiff.get()) : TIFFStripSize(tiff.get());
    each_ = layout.apart ? 1 : layout.channels;
    const tmsize_t row = tiled_ ? TIFFTileRowSize(tiff.get()) : TIFFScanlineSize(tiff.get());
    check(height > 0 && width > 0 && bytes_ > 0 && bytes_ <= TiffFile::most_bytes_at_once &&
              width <= bytes_ && height <= bytes_ && row * height <= bytes_ &&
              row == static_cast<tmsize_t>(width) * each_ * layout.bits / 8,
          "The TIFF data is damaged: its {} are of no possible size.", tiled_ ? "tiles" : "strips");
    size_ = {static_cast<int>(height), static_cast<int>(width)};
    buffer_ = std::make_unique_for_overwrite<std::byte[]>(static_cast<std::size_t>(bytes_));
  }

  /// All samples to `to`, in which pixels have `step` numbers each.
  void read(std::uint16_t* to, int step) {
    const int planes = layout_.apart ? layout_.channels : 1;
    for (int plane = 0; plane < planes; ++plane)
      for (int y = 0; y < layout_.size.height; y += size_.height)
        for (int x = 0; x < layout_.size.width; x += size_.width) {
          fetch(y, x, plane);
          const int rows = std::min(size_.height, layout_.size.height - y);
          for (int row = 0; row < rows; ++row)
            copy_row(row, std::min(size_.width, layout_.size.width - x),
                     to + (std::int64_t{y + row} * layout_.size.width + x) * step + plane, step);
        }
  }

 private:
  void fetch(int y, int x, int plane) {
    const auto top = static_cast<std::uint32_t>(y), left = static_cast<std::uint32_t>(x);
    const auto sample = static_cast<std::uint16_t>(plane);
    const tmsize_t rows = tiled_ ? size_.height : std::min(size_.height, layout_.size.height - y);
    const tmsize_t read =
        tiled_
            ? TIFFReadEncodedTile(tiff_.get(), TIFFComputeTile(tiff_.get(), left, top, 0, sample),
                                  buffer_.get(), bytes_)
            : TIFFReadEncodedStrip(tiff_.get(), TIFFComputeStrip(tiff_.get(), top, sample),
                                   buffer_.get(), bytes_);
    TiffFile::require(read >= rows * row_bytes());
  }

  tmsize_t row_bytes() const { return tmsize_t{size_.width} * each_ * layout_.bits / 8; }

  void copy_row(int row, int pixels, std::uint16_t* to, int step) const {
    const std::byte* from = buffer_.get() + row * row_bytes();
    const auto copy = [&]<class Stored>(const Stored* stored, int factor) {
      for (int x = 0; x < pixels; ++x, to += step)
        for (int c = 0; c < each_; ++c) to[c] = static_cast<std::uint16_t>(*stored++ * factor);
    };
    if (layout_.bits == 8)
      copy(reinterpret_cast<const std::uint8_t*>(from), 257);
    else
      copy(reinterpret_cast<const std::uint16_t*>(from), 1);
  }

  const TiffFile& tiff_;
  const Layout& layout_;
  bool tiled_;
  tmsize_t bytes_ = 0;
  int each_ = 1;  // samples of a pixel in a block
  Size size_;
  std::unique_ptr<std::byte[]> buffer_;
};

/// `pages` pictures of one channel each, from the first one on, as the channels of one.
void read_pages(const TiffFile& tiff, const Layout& layout, int pages, SampleImage& out) {
  for (int page = 0; page < pages; ++page) {
    Blocks(tiff, layout).read(out.samples.data() + page, pages);
    if (page + 1 == pages) break;
    const bool like_it = tiff.next() && layout_of(tiff) == layout;
    if (!like_it && page == 0) throw WrongChannels(1, pages);
    if (!like_it)
      throw WrongChannels(
          fmt::format("It has 1 channel in each of {} pictures of one kind", page + 1), pages);
  }
  if (tiff.next())
    throw WrongChannels(fmt::format("It has 1 channel in each of more than {} pictures", pages),
                        pages);
}

}  // namespace

bool several_pictures(std::span<const std::uint8_t> bytes) {
  constexpr int looks = 256;
  if (image_format(bytes) != ImageFormat::tiff) return false;
  const TiffFile tiff(bytes);
  const Layout first = layout_of(tiff);
  try {
    for (int i = 0; i < looks && tiff.next(); ++i)
      if (layout_of(tiff) == first) return true;
  } catch (const Error&) {
    // Nobody reads on from here.
  }
  return false;
}

std::optional<StoredSamples> tiff_samples(std::span<const std::uint8_t> bytes, int wanted,
                                          std::int64_t max_pixels) {
  const TiffFile tiff(bytes);
  const Layout layout = layout_of(tiff);
  if (!layout.plain()) return std::nullopt;
  const int pages = layout.channels == 1 ? std::max(wanted, 1) : 1;
  const int channels = layout.channels * pages;
  check(channels >= 1 && channels <= most_channels, "The TIFF image has {} channels, above {}.",
        channels, most_channels);
  check_pixels(layout.size, max_pixels);
  check_samples(layout.size, channels, max_pixels);
  const int orientation = tiff.orientation();
  StoredSamples out{{layout.size.height, layout.size.width, channels, {}},
                    layout.photometric == PHOTOMETRIC_RGB,
                    layout.channels > 1 && tiff.has_alpha()};
  out.image.samples.resize(static_cast<std::size_t>(layout.size.height) *
                           static_cast<std::size_t>(layout.size.width) *
                           static_cast<std::size_t>(channels));
  if (pages > 1)
    read_pages(tiff, layout, pages, out.image);
  else
    Blocks(tiff, layout).read(out.image.samples.data(), channels);
  if (layout.photometric == PHOTOMETRIC_MINISWHITE)
    for (auto& s : out.image.samples) s = static_cast<std::uint16_t>(65535 - s);
  out.image = upright(std::move(out.image), orientation);
  return out;
}

}  // namespace ijepa
