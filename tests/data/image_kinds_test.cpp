#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/orientation.hpp"
#include "tests/support/other_pictures.hpp"

namespace ijepa {
namespace {

using test::append;
using test::bmp;
using test::bmp_header;
using test::Bytes;
using test::bytes_of;
using test::draw_picture;
using test::gif;
using test::ppm;
using test::tiff;
using test::webp;

std::string problem_of(const Bytes& bytes, std::int64_t max_pixels = 1'000'000) {
  try {
    decode_image(bytes, max_pixels);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
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

// No memory for pixels that cannot be there.
TEST(ImageKinds, PicturesThatAreNotPackedHaveAsManyBytesAsTheySay) {
  for (const auto& bytes : {bmp_header(9000, 9000, 24, 54), bmp_header(9000, 9000, 1, 62),
                            bytes_of("P6 9000 9000 255\n"), bytes_of("P2 9000 9000 255\n1 2 3")}) {
    ImageDecoder decoder;
    EXPECT_THROW(decoder.open(bytes), Error);
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
  says("PK\3\4" + std::string(22, '\0') + "\x0A" + std::string(3, '\0') + "images.npy\x93NUMPY",
       "a NumPy archive (.npz): write its images to files first");
  says("PK\3\4" + std::string(22, '\0') + "\x05" + std::string(3, '\0') + "a.jpg.npy",
       "a zip archive: unpack it, or pack it by itself");
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
