#include "data_tools/jpeg_encode.hpp"

#include <cstdio>
#include <cstdlib>
#include <memory>
// After cstdio, which its declarations need.
#include <jpeglib.h>

#include "ijepa/core/error.hpp"

namespace ijepa::tools {
namespace {

[[noreturn]] void throw_message(j_common_ptr codec) {
  char text[JMSG_LENGTH_MAX];
  codec->err->format_message(codec, text);
  fail("A JPEG could not be written: {}.", text);
}

/// libjpeg's state and its output, released together.
struct Encoder {
  jpeg_error_mgr errors{};
  jpeg_compress_struct codec{};
  unsigned char* bytes = nullptr;
  unsigned long size = 0;

  Encoder() {
    codec.err = jpeg_std_error(&errors);
    errors.error_exit = throw_message;
    jpeg_create_compress(&codec);
    jpeg_mem_dest(&codec, &bytes, &size);
  }
  ~Encoder() {
    jpeg_destroy_compress(&codec);
    std::free(bytes);
  }
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
};

}  // namespace

std::vector<std::uint8_t> encode_jpeg(const ImageView& picture, int quality) {
  Encoder e;
  e.codec.image_width = static_cast<JDIMENSION>(picture.width);
  e.codec.image_height = static_cast<JDIMENSION>(picture.height);
  e.codec.input_components = 3;
  e.codec.in_color_space = JCS_RGB;
  jpeg_set_defaults(&e.codec);
  jpeg_set_quality(&e.codec, quality, TRUE);
  jpeg_start_compress(&e.codec, TRUE);
  while (e.codec.next_scanline < e.codec.image_height) {
    // libjpeg's rows are not const, though it only reads them.
    auto* row = const_cast<JSAMPLE*>(
        picture.rgb + static_cast<std::ptrdiff_t>(e.codec.next_scanline) * picture.stride);
    jpeg_write_scanlines(&e.codec, &row, 1);
  }
  jpeg_finish_compress(&e.codec);
  return {e.bytes, e.bytes + e.size};
}

}  // namespace ijepa::tools
