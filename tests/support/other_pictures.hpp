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
  bool colours = true;            // of three channels and more: red, green and blue are the first
  bool apart = false;             // a plane a channel
  int tile = 0;                   // side of tiles, a multiple of 16; 0: strips of a row
  int pages = 1;                  // pictures, all with the same samples
  std::uint16_t photometric = 0;  // where it is not black or RGB
  std::uint16_t numbers = 0;      // where they are not whole and unsigned, or real of 32 bits
  bool alpha = false;             // the last channel, beside four that begin with colours
  std::uint16_t packed = COMPRESSION_LZW;
  std::uint16_t bit_order = FILLORDER_MSB2LSB;
};

/// The samples of a rectangle of one plane of a picture, black beyond its edges.
inline Bytes cut_samples(const Bytes& samples, int height, int width, const TiffForm& form, int top,
                         int left, int rows, int columns, int plane) {
  const auto each = static_cast<std::ptrdiff_t>(form.bits / 8);
  const std::ptrdiff_t pixel = form.channels * each, kept = form.apart ? each : pixel;
  Bytes out(static_cast<std::size_t>(rows * columns * kept));
  for (int y = 0; y < std::min(rows, height - top); ++y)
    for (int x = 0; x < std::min(columns, width - left); ++x)
      std::copy_n(samples.begin() + ((top + y) * width + left + x) * pixel + plane * each, kept,
                  out.begin() + (y * columns + x) * kept);
  return out;
}

inline void write_blocks(TIFF* file, const Bytes& samples, int height, int width,
                         const TiffForm& form) {
  const int rows = form.tile > 0 ? form.tile : 1, columns = form.tile > 0 ? form.tile : width;
  for (int plane = 0; plane < (form.apart ? form.channels : 1); ++plane)
    for (int y = 0; y < height; y += rows)
      for (int x = 0; x < width; x += columns) {
        auto block = cut_samples(samples, height, width, form, y, x, rows, columns, plane);
        const auto top = static_cast<std::uint32_t>(y), left = static_cast<std::uint32_t>(x);
        const auto sample = static_cast<std::uint16_t>(plane);
        if (form.tile > 0)
          TIFFWriteTile(file, block.data(), left, top, 0, sample);
        else
          TIFFWriteScanline(file, block.data(), top, sample);
      }
}

inline void write_page(TIFF* file, const Bytes& samples, int height, int width,
                       const TiffForm& form) {
  TIFFSetField(file, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(file, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(file, TIFFTAG_SAMPLESPERPIXEL, form.channels);
  TIFFSetField(file, TIFFTAG_BITSPERSAMPLE, form.bits);
  TIFFSetField(file, TIFFTAG_ORIENTATION, form.orientation);
  TIFFSetField(file, TIFFTAG_FILLORDER, form.bit_order);
  TIFFSetField(file, TIFFTAG_PLANARCONFIG,
               form.apart ? PLANARCONFIG_SEPARATE : PLANARCONFIG_CONTIG);
  TIFFSetField(file, TIFFTAG_COMPRESSION, form.packed);
  TIFFSetField(file, TIFFTAG_SAMPLEFORMAT,
               form.numbers != 0 ? form.numbers
               : form.bits == 32 ? SAMPLEFORMAT_IEEEFP
                                 : SAMPLEFORMAT_UINT);
  const bool colours = form.channels >= 3 && form.colours;
  TIFFSetField(file, TIFFTAG_PHOTOMETRIC,
               form.photometric != 0 ? form.photometric
               : colours             ? PHOTOMETRIC_RGB
                                     : PHOTOMETRIC_MINISBLACK);
  const int extra = form.channels - (colours ? 3 : 1);
  std::vector<std::uint16_t> kinds(static_cast<std::size_t>(extra), EXTRASAMPLE_UNSPECIFIED);
  if (extra > 0 && (form.alpha || (form.channels == 4 && colours)))
    kinds.back() = EXTRASAMPLE_UNASSALPHA;
  if (extra > 0) TIFFSetField(file, TIFFTAG_EXTRASAMPLES, extra, kinds.data());
  if (form.photometric == PHOTOMETRIC_PALETTE) {  // of grey
    std::vector<std::uint16_t> map(256);
    for (std::size_t i = 0; i < map.size(); ++i) map[i] = static_cast<std::uint16_t>(257 * i);
    TIFFSetField(file, TIFFTAG_COLORMAP, map.data(), map.data(), map.data());
  }
  if (form.tile > 0) {
    TIFFSetField(file, TIFFTAG_TILEWIDTH, form.tile);
    TIFFSetField(file, TIFFTAG_TILELENGTH, form.tile);
  }
  write_blocks(file, samples, height, width, form);
}

/// `samples`: as many bytes as pixels, channels and bits want.
inline Bytes tiff(const Bytes& samples, int height, int width, const TiffForm& form = {}) {
  const TemporaryFolder folder;
  const auto path = (folder.path() / "image.tif").string();
  TIFF* file = TIFFOpen(path.c_str(), "w");
  for (int page = 0; page < form.pages; ++page) {
    write_page(file, samples, height, width, form);
    TIFFWriteDirectory(file);
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
