// Pictures of the formats beside JPEG and PNG, as their libraries or a few lines write them.
#pragma once
#include <gif_lib.h>
#include <tiffio.h>
#include <webp/encode.h>

#include <algorithm>
#include <array>
#include <string>

#include "ijepa/core/file.hpp"
#include "tests/support/pictures.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {

inline Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

inline void append(Bytes& to, std::uint32_t value, int count) {
  for (; count > 0; --count, value >>= 8) to.push_back(static_cast<std::uint8_t>(value));
}

inline Bytes webp(const Image& picture) {
  std::uint8_t* encoded = nullptr;
  const auto size = WebPEncodeLosslessRGB(picture.rgb.data(), picture.width, picture.height,
                                          3 * picture.width, &encoded);
  const Bytes bytes(encoded, encoded + size);
  WebPFree(encoded);
  return bytes;
}

struct TiffForm {
  std::uint16_t channels = 3, bits = 8, orientation = ORIENTATION_TOPLEFT;
};

/// `samples`: as many bytes as pixels, channels and bits want.
inline Bytes tiff(const Bytes& samples, int height, int width, const TiffForm& form = {}) {
  const TemporaryFolder folder;
  const auto path = (folder.path() / "image.tif").string();
  TIFF* file = TIFFOpen(path.c_str(), "w");
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, form.channels);
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, form.bits);
  TIFFSetField(file, TIFFTAG_ORIENTATION, form.orientation);
  TIFFSetField(file, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(file, TIFFTAG_COMPRESSION, COMPRESSION_LZW);
  TIFFSetField(file, TIFFTAG_SAMPLEFORMAT,
               form.bits == 32 ? SAMPLEFORMAT_IEEEFP : SAMPLEFORMAT_UINT);
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC,
               form.channels < 3 ? PHOTOMETRIC_MINISBLACK : PHOTOMETRIC_RGB);
  const std::uint16_t alpha = EXTRASAMPLE_UNASSALPHA;
  if (form.channels == 4) TIFFSetField(file, TIFFTAG_EXTRASAMPLES, 1, &alpha);
  Bytes row(samples.size() / static_cast<std::size_t>(height));
  for (int y = 0; y < height; ++y) {
    std::copy_n(samples.begin() + y * std::ssize(row), row.size(), row.begin());
    TIFFWriteScanline(file, row.data(), static_cast<std::uint32_t>(y), 0);
  }
  TIFFClose(file);
  const auto text = read_text_file(path);
  return bytes_of(text);
}

inline int append_to(GifFileType* gif, const GifByteType* from, int count) {
  auto& bytes = *static_cast<Bytes*>(gif->UserData);
  bytes.insert(bytes.end(), from, from + count);
  return count;
}

/// Two pictures of 4 x 3 pixels at (1, 1) of a canvas of 6 x 5: index x + y, then all 7.
inline Bytes gif(bool interlaced) {
  Bytes bytes;
  int error = 0;
  GifFileType* file = EGifOpen(&bytes, append_to, &error);
  std::array<GifColorType, 8> colours{};
  for (std::uint8_t i = 0; i < 8; ++i) colours[i] = {i, static_cast<std::uint8_t>(10 * i), 200};
  ColorMapObject* map = GifMakeMapObject(8, colours.data());
  EGifSetGifVersion(file, true);
  EGifPutScreenDesc(file, 6, 5, 3, 0, map);
  for (const bool first : {true, false}) {
    EGifPutImageDesc(file, 1, 1, 4, 3, interlaced, nullptr);
    for (const int y : interlaced ? std::array{0, 2, 1} : std::array{0, 1, 2}) {
      std::array<GifPixelType, 4> row{};
      for (int x = 0; x < 4; ++x)
        row[static_cast<std::size_t>(x)] = static_cast<GifPixelType>(first ? x + y : 7);
      EGifPutLine(file, row.data(), 4);
    }
  }
  GifFreeMapObject(map);
  EGifCloseFile(file, &error);
  return bytes;
}

inline Bytes bmp_header(int height, int width, std::uint32_t bits, std::uint32_t pixels_at) {
  Bytes bytes = bytes_of("BM");
  append(bytes, 0, 8);
  append(bytes, pixels_at, 4);
  append(bytes, 40, 4);
  append(bytes, static_cast<std::uint32_t>(width), 4);
  append(bytes, static_cast<std::uint32_t>(height), 4);
  append(bytes, 1, 2);
  append(bytes, bits, 2);
  append(bytes, 0, 24);
  return bytes;
}

/// 24 bits, last row first unless `top_down`.
inline Bytes bmp(const Image& picture, bool top_down = false) {
  Bytes bytes = bmp_header(top_down ? -picture.height : picture.height, picture.width, 24, 54);
  for (int i = 0; i < picture.height; ++i) {
    const int y = top_down ? i : picture.height - 1 - i;
    for (int x = 0; x < picture.width; ++x)
      for (int c = 2; c >= 0; --c)
        bytes.push_back(picture.rgb[static_cast<std::size_t>(3 * (y * picture.width + x) + c)]);
    while ((bytes.size() - 54) % 4 != 0) bytes.push_back(0);
  }
  return bytes;
}

inline Bytes ppm(const Image& picture) {
  Bytes bytes =
      bytes_of(fmt::format("P6\n# a comment\n{} {}\n255\n", picture.width, picture.height));
  bytes.insert(bytes.end(), picture.rgb.begin(), picture.rgb.end());
  return bytes;
}

}  // namespace ijepa::test
