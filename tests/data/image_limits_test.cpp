// Pictures of few bytes that ask for much time or memory: the limits of docs/testing.md.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "ijepa/core/error.hpp"
#include "tests/support/other_pictures.hpp"

namespace ijepa::test {
namespace {

std::string problem_of(const Bytes& bytes) {
  try {
    decode_image(bytes);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// A progressive grey JPEG in which the header of its first scan comes `scans` times, each time
/// without data: 10 bytes a scan, for which the decoder goes through all its blocks.
Bytes progressive_bomb(int side, int scans) {
  JpegForm form;
  form.progressive = true;
  form.h_sampling = form.v_sampling = 1;
  form.input = form.stored = JCS_GRAYSCALE;
  const auto pixels = static_cast<std::size_t>(std::int64_t{side} * side);
  const Bytes whole = encode_jpeg(Bytes(pixels, 128), side, side, form);
  const Bytes mark{0xFF, 0xDA};
  const auto first = std::search(whole.begin(), whole.end(), mark.begin(), mark.end());
  const Bytes scan(first, first + 2 + first[3]);
  Bytes bomb(whole.begin(), first);
  for (int i = 0; i < scans; ++i) bomb.insert(bomb.end(), scan.begin(), scan.end());
  bomb.insert(bomb.end(), {0xFF, 0xD9});
  return bomb;
}

TEST(ImageLimits, AJpegHasAtMost500Scans) {
  EXPECT_EQ(problem_of(progressive_bomb(32, 500)), "no error");
  EXPECT_EQ(problem_of(progressive_bomb(32, 501)),
            "The JPEG data is damaged: it has more than 500 scans.");
}

TEST(ImageLimits, TheScansOfAJpegHaveSoManyPixelsInAll) {
  const auto bomb = progressive_bomb(6000, 113);  // 112 scans are 4.03 thousand million pixels
  EXPECT_LT(bomb.size(), 20'000U);
  EXPECT_EQ(problem_of(bomb),
            "The JPEG data is damaged: its scans have more than 4000000000 pixels in all.");
}

/// A TIFF in little endian of these fields, each a number of 4 bytes, and so many zeros behind.
Bytes tiff_of(const std::vector<std::pair<std::uint32_t, std::uint32_t>>& fields,
              std::size_t zeros) {
  constexpr std::uint32_t number = 4;  // LONG
  Bytes bytes = bytes_of("II");
  append(bytes, 42, 2);
  append(bytes, 8, 4);
  append(bytes, static_cast<std::uint32_t>(fields.size()), 2);
  for (const auto& [tag, value] : fields) {
    append(bytes, tag, 2);
    append(bytes, number, 2);
    append(bytes, 1, 4);
    append(bytes, value, 4);
  }
  append(bytes, 0, 4);
  bytes.resize(bytes.size() + zeros);
  return bytes;
}

// libtiff itself believes no tile that is a thousand times as large as what is stored of it.
TEST(ImageLimits, AStripOrTileOfATiffHasAtMostAGibibyte) {
  static constexpr std::uint32_t stored = 2'000'000;
  const auto tiled = [](std::uint32_t side) {
    return problem_of(tiff_of({{TIFFTAG_IMAGEWIDTH, 8},
                               {TIFFTAG_IMAGELENGTH, 8},
                               {TIFFTAG_BITSPERSAMPLE, 8},
                               {TIFFTAG_COMPRESSION, COMPRESSION_PACKBITS},
                               {TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK},
                               {TIFFTAG_SAMPLESPERPIXEL, 1},
                               {TIFFTAG_TILEWIDTH, side},
                               {TIFFTAG_TILELENGTH, side},
                               {TIFFTAG_TILEOFFSETS, 100},
                               {TIFFTAG_TILEBYTECOUNTS, stored}},
                              stored + 100));
  };
  EXPECT_EQ(tiled(16), "no error");
#if TIFFLIB_VERSION >= 20221213
  constexpr std::uint32_t large = 34'000;
  EXPECT_NE(tiled(large).find("1073741824 byte limit"), std::string::npos) << tiled(large);
#endif
}

}  // namespace
}  // namespace ijepa::test
