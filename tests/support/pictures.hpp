// Pictures for tests: drawn from a seed and encoded in every form the decoder must read.
#pragma once
// jpeglib.h uses size_t and FILE without including them.
// clang-format off
#include <cstddef>
#include <cstdio>
#include <jpeglib.h>
// clang-format on
#include <png.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/data/images/image.hpp"

namespace ijepa::test {

using Bytes = std::vector<std::uint8_t>;

/// Waves of colour with some noise: neither flat nor unlike a photograph.
inline Image draw_picture(int height, int width, std::uint64_t seed = 1) {
  Image image{height, width, {}};
  image.rgb.reserve(static_cast<std::size_t>(height) * static_cast<std::size_t>(width) * 3);
  Rng rng(seed, Purpose::test);
  const double fx = rng.uniform(0.02, 0.3), fy = rng.uniform(0.02, 0.3);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x)
      for (int c = 0; c < 3; ++c) {
        const double wave = std::sin(fx * x + c) * std::cos(fy * y - c);
        image.rgb.push_back(static_cast<std::uint8_t>(128 + 90 * wave + rng.uniform(-30, 30)));
      }
  return image;
}

struct JpegForm {
  int quality = 90;
  int h_sampling = 2, v_sampling = 2;  // of the first component
  bool progressive = false;
  J_COLOR_SPACE input = JCS_RGB;  // JCS_GRAYSCALE and JCS_CMYK read 1 and 4 bytes a pixel
  J_COLOR_SPACE stored = JCS_YCbCr;
};

/// Encodes `samples`, (height, width, components of form.input).
inline Bytes encode_jpeg(const Bytes& samples, int height, int width, const JpegForm& form) {
  jpeg_compress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_compress(&info);
  unsigned char* out = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&info, &out, &size);
  info.image_height = static_cast<JDIMENSION>(height);
  info.image_width = static_cast<JDIMENSION>(width);
  info.in_color_space = form.input;
  info.input_components = form.input == JCS_GRAYSCALE ? 1 : form.input == JCS_CMYK ? 4 : 3;
  jpeg_set_defaults(&info);
  jpeg_set_colorspace(&info, form.stored);
  jpeg_set_quality(&info, form.quality, TRUE);
  info.comp_info[0].h_samp_factor = form.h_sampling;
  info.comp_info[0].v_samp_factor = form.v_sampling;
  if (form.stored == JCS_YCCK) {
    info.comp_info[3].h_samp_factor = form.h_sampling;
    info.comp_info[3].v_samp_factor = form.v_sampling;
  }
  if (form.progressive) jpeg_simple_progression(&info);
  jpeg_start_compress(&info, TRUE);
  const std::size_t stride = static_cast<std::size_t>(width * info.input_components);
  while (info.next_scanline < info.image_height) {
    auto* row = const_cast<JSAMPLE*>(samples.data() + info.next_scanline * stride);
    jpeg_write_scanlines(&info, &row, 1);
  }
  jpeg_finish_compress(&info);
  Bytes bytes(out, out + size);
  jpeg_destroy_compress(&info);
  std::free(out);
  return bytes;
}

inline Bytes encode_jpeg(const Image& image, const JpegForm& form = {}) {
  return encode_jpeg(image.rgb, image.height, image.width, form);
}

struct PngForm {
  int colour_type = PNG_COLOR_TYPE_RGB, bits = 8;
  int interlace = PNG_INTERLACE_NONE;
  Bytes palette;  // r g b r g b ...
};

/// Encodes packed rows as PNG stores them (16-bit samples big-endian).
inline Bytes encode_png(const Bytes& samples, int height, int width, const PngForm& form = {}) {
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
  png_infop info = png_create_info_struct(png);
  Bytes out;
  const auto write = [](png_structp p, png_bytep data, std::size_t n) {
    auto& sink = *static_cast<Bytes*>(png_get_io_ptr(p));
    sink.insert(sink.end(), data, data + n);
  };
  png_set_write_fn(png, &out, write, nullptr);
  png_set_IHDR(png, info, static_cast<png_uint_32>(width), static_cast<png_uint_32>(height),
               form.bits, form.colour_type, form.interlace, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (!form.palette.empty())
    png_set_PLTE(png, info, reinterpret_cast<png_const_colorp>(form.palette.data()),
                 static_cast<int>(form.palette.size() / 3));
  png_write_info(png, info);
  const std::size_t stride = png_get_rowbytes(png, info);
  check(samples.size() == stride * static_cast<std::size_t>(height), "wrong number of samples");
  std::vector<png_bytep> rows;
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
    rows.push_back(const_cast<png_bytep>(samples.data() + y * stride));
  png_write_image(png, rows.data());
  png_write_end(png, info);
  png_destroy_write_struct(&png, &info);
  return out;
}

inline Bytes encode_png(const Image& image, int interlace = PNG_INTERLACE_NONE) {
  return encode_png(image.rgb, image.height, image.width, {PNG_COLOR_TYPE_RGB, 8, interlace, {}});
}

}  // namespace ijepa::test
