#include <gif_lib.h>
#include <gtest/gtest.h>
#include <tiffio.h>
#include <webp/encode.h>

#include <algorithm>
#include <string>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/image.hpp"
#include "ijepa/data/orientation.hpp"
#include "tests/support/pictures.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa {
namespace {

using test::Bytes;
using test::draw_picture;

Bytes bytes_of(const std::string& text) {
  return {text.begin(), text.end()};
}

void append(Bytes& to, std::uint32_t value, int count) {
  for (; count > 0; --count, value >>= 8) to.push_back(static_cast<std::uint8_t>(value));
}

std::string problem_of(const Bytes& bytes, std::int64_t max_pixels = 1'000'000) {
  try {
    decode_image(bytes, max_pixels);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Bytes webp(const Image& picture) {
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
Bytes tiff(const Bytes& samples, int height, int width, const TiffForm& form = {}) {
  const test::TemporaryFolder folder;
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

int append_to(GifFileType* gif, const GifByteType* from, int count) {
  auto& bytes = *static_cast<Bytes*>(gif->UserData);
  bytes.insert(bytes.end(), from, from + count);
  return count;
}

/// Two pictures of 4 x 3 pixels at (1, 1) of a canvas of 6 x 5: index x + y, then all 7.
Bytes gif(bool interlaced) {
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

Bytes bmp_header(int height, int width, std::uint32_t bits, std::uint32_t pixels_at) {
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
Bytes bmp(const Image& picture, bool top_down = false) {
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

Bytes ppm(const Image& picture) {
  Bytes bytes =
      bytes_of(fmt::format("P6\n# a comment\n{} {}\n255\n", picture.width, picture.height));
  bytes.insert(bytes.end(), picture.rgb.begin(), picture.rgb.end());
  return bytes;
}

std::vector<Bytes> of_every_kind(const Image& picture) {
  return {webp(picture), tiff(picture.rgb, picture.height, picture.width), bmp(picture),
          bmp(picture, true), ppm(picture)};
}

TEST(ImageKinds, LosslessFormatsGiveThePixelsThatWereStored) {
  for (const auto& [height, width] : {std::pair{1, 1}, {7, 33}, {64, 50}}) {
    const Image picture = draw_picture(height, width);
    for (const auto& bytes : of_every_kind(picture)) {
      const Image image = decode_image(bytes);
      EXPECT_EQ(image.height, height);
      EXPECT_EQ(image.width, width);
      EXPECT_EQ(image.rgb, picture.rgb) << format_name(image_format(bytes));
    }
  }
}

TEST(ImageKinds, ABoxIsThatOfTheWholePicture) {
  const Image picture = draw_picture(40, 30);
  const Box box{3, 5, 20, 11};
  for (const auto& bytes : of_every_kind(picture)) {
    ImageDecoder decoder;
    decoder.open(bytes);
    const auto part = decoder.decode(box);
    const auto expected = picture.view().part(box);
    for (int y = 0; y < box.height; ++y)
      EXPECT_TRUE(std::equal(part.rgb + y * part.stride, part.rgb + y * part.stride + 33,
                             expected.rgb + y * expected.stride));
  }
}

TEST(ImageKinds, TheFirstPictureOfAGifLiesOnItsCanvas) {
  for (const bool interlaced : {false, true}) {
    const Image image = decode_image(gif(interlaced));
    ASSERT_EQ(image.height, 5);
    ASSERT_EQ(image.width, 6);
    for (int y = 0; y < 5; ++y)
      for (int x = 0; x < 6; ++x) {
        const bool inside = y >= 1 && y < 4 && x >= 1 && x < 5;
        EXPECT_EQ(image.rgb[static_cast<std::size_t>(3 * (6 * y + x))], inside ? x + y - 2 : 0);
      }
  }
}

TEST(ImageKinds, PalettesAndSmallPixelsOfBmp) {
  Bytes bytes = bmp_header(1, 3, 4, 54 + 16 * 4);
  for (std::uint32_t i = 0; i < 16; ++i) append(bytes, i * 0x010203, 4);
  append(bytes, 0x0000'50F1, 4);  // indices 15, 1, 5
  EXPECT_EQ(decode_image(bytes).rgb, (Bytes{15, 30, 45, 1, 2, 3, 5, 10, 15}));
  bytes = bmp_header(1, 2, 16, 54);
  append(bytes, 0x7C00 | 0x1F << 16, 4);
  EXPECT_EQ(decode_image(bytes).rgb, (Bytes{255, 0, 0, 0, 0, 255}));
}

TEST(ImageKinds, GreyAndLargeValuesOfPgm) {
  EXPECT_EQ(decode_image(bytes_of("P2 2 1 100\n50 100")).rgb,
            (Bytes{128, 128, 128, 255, 255, 255}));
  Bytes wide = bytes_of("P5 1 1 65535\n");
  append(wide, 0x0080, 2);  // 32768, upper byte first
  EXPECT_EQ(decode_image(wide).rgb, (Bytes{128, 128, 128}));
  EXPECT_EQ(decode_image(bytes_of("P3 1 1 255 1 2 3")).rgb, (Bytes{1, 2, 3}));
}

TEST(ImageKinds, TiffGreyAlphaDepthAndOrientation) {
  EXPECT_EQ(decode_image(tiff({9, 250}, 1, 2, {1, 8})).rgb, (Bytes{9, 9, 9, 250, 250, 250}));
  EXPECT_EQ(decode_image(tiff({200, 100, 50, 10}, 1, 1, {4, 8})).rgb, (Bytes{200, 100, 50}))
      << "alpha is dropped, not multiplied";
  EXPECT_EQ(decode_image(tiff({0, 0x80, 0, 0x40, 0, 0x20}, 1, 1, {3, 16})).rgb,
            (Bytes{128, 64, 32}));
  EXPECT_EQ(decode_image(tiff({1, 2}, 2, 1, {1, 8, ORIENTATION_BOTLEFT})).rgb,
            (Bytes{2, 2, 2, 1, 1, 1}));
  const IndexImage stored{2, 3, {1, 2, 3, 4, 5, 6}};
  for (int o = ORIENTATION_TOPLEFT; o <= ORIENTATION_LEFTBOT; ++o) {
    const auto shown =
        decode_image(tiff(stored.index, 2, 3, {1, 8, static_cast<std::uint16_t>(o)}));
    const auto expected = upright(stored, o);
    ASSERT_EQ(shown.width, expected.width) << o;
    for (std::size_t i = 0; i < 6; ++i) EXPECT_EQ(shown.rgb[3 * i], expected.index[i]) << o;
  }
  EXPECT_NE(problem_of(tiff(Bytes(16), 2, 2, {1, 32})).find("32"), std::string::npos);
}

TEST(ImageKinds, TruncatedOnesAreErrorsAndAnyCutOfThemIsHarmless) {
  const Image picture = draw_picture(16, 12);
  auto all = of_every_kind(picture);
  all.push_back(gif(false));
  for (const auto& bytes : all) {
    const auto half = Bytes(bytes.begin(), bytes.begin() + std::ssize(bytes) / 2);
    EXPECT_NE(problem_of(half), "") << format_name(image_format(bytes));
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
      Bytes changed(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i));
      problem_of(changed);
      changed = bytes;
      changed[i] ^= 0xFF;
      problem_of(changed);
    }
  }
}

TEST(ImageKinds, AHeaderAboveThePixelLimitIsRefused) {
  for (const auto& bytes : of_every_kind(draw_picture(20, 20)))
    EXPECT_NE(problem_of(bytes, 399).find("above the limit of 399 pixels"), std::string::npos);
  EXPECT_NE(problem_of(bytes_of("P6 99999 99999 255\n")).find("above the limit"),
            std::string::npos);
}

TEST(ImageKinds, OtherFilesAreNamedByWhatTheyAre) {
  const auto says = [](const std::string& text, const std::string& what) {
    const Bytes bytes = bytes_of(text);
    EXPECT_EQ(image_format(bytes), ImageFormat::unknown) << what;
    EXPECT_EQ(what_instead(bytes), what);
    EXPECT_NE(problem_of(bytes).find(what), std::string::npos);
  };
  says("", "an empty file");
  says("<html>403 Forbidden</html>", "a web page, perhaps of a download that was refused");
  says("\n <!DOCTYPE HTML>", "a web page, perhaps of a download that was refused");
  says("version https://git-lfs.github.com/spec/v1\noid",
       "a pointer of Git LFS: fetch the file itself (git lfs pull)");
  says(std::string("\0\5\x16\7\0\2", 6), "the AppleDouble file of a Mac");
  says(std::string("\0\0\0\x18", 4) + "ftypheic", "a HEIF image");
  says("BMW and other cars: a list of them", "text");
  says("P6x", "text");
  says("[.ShellClassInfo]", "text");
  says(std::string(40, '\1'), "of no known kind");
}

TEST(ImageKinds, NamesOfImagesInAnyCase) {
  for (const auto* name : {"a.jpg", "b/c.JPEG", "x.jfif", "x.WebP", "y.tif", "z.gif", "q.pgm"})
    EXPECT_TRUE(has_image_name(name)) << name;
  for (const auto* name : {"jpg", "a.jpg/readme", "a.txt", "a.jpgx", ""})
    EXPECT_FALSE(has_image_name(name)) << name;
}

}  // namespace
}  // namespace ijepa
