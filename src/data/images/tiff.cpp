// TIFF through libtiff, in red, green and blue of 8 bits.
#include <algorithm>
#include <utility>
#include <vector>

#include "codec.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "ijepa/data/images/samples.hpp"
#include "tiff_file.hpp"

namespace ijepa {
namespace {

/// True of three channels that are not called colours (GDAL writes them): libtiff would show the
/// first alone and say nothing. Of so many others, WrongChannels.
bool is_of_three_bands(const TiffFile& tiff) {
  const int samples = tiff.tag(TIFFTAG_SAMPLESPERPIXEL), photometric = tiff.photometric();
  if (photometric != PHOTOMETRIC_MINISBLACK && photometric != PHOTOMETRIC_MINISWHITE) {
    if (samples > 5) throw WrongChannels(samples, 3);
    return false;
  }
  const int channels = samples > 1 && tiff.has_alpha() ? samples - 1 : samples;
  if (channels == 1 || (channels == 3 && samples == 3)) return channels == 3;
  if (samples == 3) throw WrongChannels("It has 2 channels and alpha", 3);
  throw WrongChannels(samples, 3);
}

/// 16 bits are rounded to 8 as libtiff rounds those of colours.
void decode_bands(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb) {
  const auto stored = tiff_samples(bytes, 3, std::int64_t{size.height} * size.width);
  if (!stored) throw no_plain_numbers(bytes, 3);
  std::ranges::transform(stored->image.samples, rgb, [](std::uint16_t sample) {
    return static_cast<std::uint8_t>((sample + 128) / 257);
  });
}

/// libtiff's own way to colours (4.5) takes the rows of tiles that reach over the edge for shorter
/// than they are, where greys have 16 bits: other pixels, and no word.
bool is_tiled_grey(const TiffFile& tiff) {
  const int photometric = tiff.photometric();
  return TIFFIsTiled(tiff.get()) != 0 && tiff.tag(TIFFTAG_BITSPERSAMPLE) == 16 &&
         (photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE);
}

/// The upper byte of greys, as libtiff takes it from strips.
void decode_tiled_grey(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb) {
  const auto stored = tiff_samples(bytes, 1, std::int64_t{size.height} * size.width);
  if (!stored) throw no_plain_numbers(bytes, 3);
  const auto& samples = stored->image.samples;
  const auto step = static_cast<std::size_t>(stored->image.channels);
  for (std::size_t i = 0; i < samples.size(); i += step)
    rgb = std::fill_n(rgb, 3, static_cast<std::uint8_t>(samples[i] >> 8));
}

}  // namespace

Size tiff_size(std::span<const std::uint8_t> bytes) {
  const TiffFile tiff(bytes);
  Size size = tiff.size();
  if (lies_on_side(tiff.orientation())) std::swap(size.height, size.width);
  return size;
}

void decode_tiff(std::span<const std::uint8_t> bytes, const Size& whole, std::uint8_t* rgb) {
  const TiffFile tiff(bytes);
  if (is_of_three_bands(tiff)) return decode_bands(bytes, whole, rgb);
  if (is_tiled_grey(tiff)) return decode_tiled_grey(bytes, whole, rgb);
  const int orientation = tiff.orientation();
  // libtiff mirrors, but leaves pictures that lie on their side so: it gets none to turn.
  std::uint16_t as_stored = ORIENTATION_TOPLEFT, extra = 0, *kinds = nullptr;
  TIFFSetField(tiff.get(), TIFFTAG_ORIENTATION, as_stored);
  // Else libtiff would multiply colours by their alpha, which is dropped.
  std::uint16_t as_they_are = EXTRASAMPLE_ASSOCALPHA;
  if (TIFFGetField(tiff.get(), TIFFTAG_EXTRASAMPLES, &extra, &kinds) != 0 && extra == 1)
    TIFFSetField(tiff.get(), TIFFTAG_EXTRASAMPLES, extra, &as_they_are);
  char reason[1024] = "";
  if (TIFFRGBAImageOK(tiff.get(), reason) == 0) fail("The TIFF image is not read: {}.", reason);
  const Size size = tiff.size();
  std::vector<std::uint32_t> raster(
      static_cast<std::size_t>(std::int64_t{size.height} * size.width));
  TiffFile::require(TIFFReadRGBAImageOriented(tiff.get(), static_cast<std::uint32_t>(size.width),
                                              static_cast<std::uint32_t>(size.height),
                                              raster.data(), ORIENTATION_TOPLEFT, 1) != 0);
  Image stored{size.height, size.width, std::vector<std::uint8_t>(3 * raster.size())};
  auto* to = stored.rgb.data();
  for (const auto pixel : raster)
    for (const auto value : {TIFFGetR(pixel), TIFFGetG(pixel), TIFFGetB(pixel)})
      *to++ = static_cast<std::uint8_t>(value);
  std::ranges::copy(upright(std::move(stored), orientation).rgb, rgb);
}

}  // namespace ijepa
