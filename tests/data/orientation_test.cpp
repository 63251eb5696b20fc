#include "ijepa/data/images/orientation.hpp"

#include <gtest/gtest.h>

#include <string_view>

#include "tests/support/exif.hpp"

namespace ijepa::test {
namespace {

TEST(Orientation, TurnsAsPillowDoes) {
  // PIL.ImageOps.exif_transpose of [[0, 1, 2], [3, 4, 5]].
  const std::vector<Bytes> expected{{0, 1, 2, 3, 4, 5}, {2, 1, 0, 5, 4, 3}, {5, 4, 3, 2, 1, 0},
                                    {3, 4, 5, 0, 1, 2}, {0, 3, 1, 4, 2, 5}, {3, 0, 4, 1, 5, 2},
                                    {5, 2, 4, 1, 3, 0}, {2, 5, 1, 4, 0, 3}};
  const IndexImage stored{2, 3, {0, 1, 2, 3, 4, 5}};
  for (int o = 1; o <= 8; ++o) {
    const auto map = upright(stored, o);
    EXPECT_EQ(map.index, expected[static_cast<std::size_t>(o - 1)]) << o;
    EXPECT_EQ(map.height, o < 5 ? 2 : 3);
    Image picture{2, 3, {}};
    for (std::uint8_t v = 0; v < 6; ++v)
      picture.rgb.insert(picture.rgb.end(), {v, std::uint8_t(v + 10), std::uint8_t(v + 20)});
    const auto turned = upright(picture, o);
    EXPECT_EQ(turned.width, map.width);
    for (std::size_t i = 0; i < 6; ++i)
      for (std::size_t c = 0; c < 3; ++c) EXPECT_EQ(turned.rgb[3 * i + c], map.index[i] + 10 * c);
  }
}

TEST(Orientation, IsReadFromEveryFormatThatSaysIt) {
  const auto jpeg = encode_jpeg(draw_picture(12, 20));
  const auto png = encode_png(draw_picture(12, 20));
  EXPECT_EQ(exif_orientation(jpeg), 1);
  EXPECT_EQ(exif_orientation(png), 1);
  for (int o = 1; o <= 8; ++o) {
    EXPECT_EQ(exif_orientation(with_exif(jpeg, o)), o);
    EXPECT_EQ(exif_orientation(with_exif(jpeg, o, false)), o);
    EXPECT_EQ(exif_orientation(png_with_exif(png, o)), o);
    Bytes webp{'R', 'I', 'F', 'F', 0, 0, 0, 0, 'W', 'E', 'B', 'P', 'V', 'P', '8', 'X',
               3,   0,   0,   0,   9, 9, 9, 0, 'E', 'X', 'I', 'F', 26,  0,   0,   0};
    const auto block = exif_block(o);
    webp.insert(webp.end(), block.begin(), block.end());
    EXPECT_EQ(exif_orientation(webp), o);
  }
  EXPECT_EQ(exif_orientation(with_exif(jpeg, 0)), 1);
  EXPECT_EQ(exif_orientation(with_exif(jpeg, 9)), 1);
  const auto turned = decode_upright(with_exif(jpeg, 6));
  EXPECT_EQ(turned.height, 20);
  EXPECT_EQ(turned.rgb, upright(decode_image(jpeg), 6).rgb);
}

TEST(Orientation, IsGivenToPicturesThatAreEncodedAnew) {
  const auto jpeg = encode_jpeg(draw_picture(12, 20));
  const auto png = encode_png(draw_picture(12, 20));
  EXPECT_EQ(with_orientation(png, 1), png);
  for (int o = 2; o <= 8; ++o) {
    EXPECT_EQ(with_orientation(jpeg, o), with_exif(jpeg, o));
    EXPECT_EQ(with_orientation(png, o), png_with_exif(png, o));
    EXPECT_EQ(decode_image(with_orientation(png, o)).rgb, decode_image(png).rgb);
    EXPECT_EQ(decode_image(with_orientation(jpeg, o)).rgb, decode_image(jpeg).rgb);
  }
}

TEST(Orientation, NoBytesLeadItAstray) {
  const auto whole = with_exif(encode_jpeg(draw_picture(8, 8)), 6);
  for (std::size_t n = 0; n < whole.size(); ++n) exif_orientation(std::span(whole).first(n));
  Rng rng(3, Purpose::test);
  for (int i = 0; i < 20000; ++i) {
    auto damaged = i % 2 == 0 ? whole : png_with_exif(encode_png(draw_picture(2, 2)), 5);
    for (int k = 0; k < 3; ++k)
      damaged[rng.below(std::min<std::uint64_t>(damaged.size(), 80))] =
          static_cast<std::uint8_t>(rng.below(256));
    const auto o = exif_orientation(damaged);
    ASSERT_TRUE(o >= 1 && o <= 8);
  }
}

}  // namespace
}  // namespace ijepa::test
