#include <gtest/gtest.h>

#include "ijepa/data/images/picture_reader.hpp"
#include "ijepa/data/images/resize.hpp"
#include "ijepa/data/loading/augment.hpp"
#include "tests/support/other_pictures.hpp"

namespace ijepa::test {
namespace {

SampleImage as_samples(const Image& picture) {
  SampleImage out{picture.height, picture.width, 3, {}};
  for (const auto v : picture.rgb) out.samples.push_back(static_cast<std::uint16_t>(v * 257));
  return out;
}

TEST(SampleResize, IsThatOfEightBitsWithinTheirRounding) {
  const Image picture = draw_picture(53, 71);
  const SampleImage samples = as_samples(picture);
  for (const Size& size : {Size{20, 31}, {53, 71}, {90, 100}, {1, 1}}) {
    const Box all{0, 0, size.height, size.width};
    Bytes bytes(static_cast<std::size_t>(size.height * size.width * 3));
    std::vector<std::uint16_t> numbers(bytes.size());
    Resizer().resize(picture.view(), size, bytes.data());
    SampleResizer().resize(samples.view(), size, all, numbers.data());
    // Two roundings to 8 bits, of half a level each.
    for (std::size_t i = 0; i < bytes.size(); ++i)
      ASSERT_NEAR(numbers[i] / 257.0, bytes[i], 1.01) << size.height << " x " << size.width;
  }
}

TEST(SampleResize, KeepsOneColourAndTheSizeItHas) {
  const SampleImage white{40, 30, 7, std::vector<std::uint16_t>(40 * 30 * 7, 65535)};
  std::vector<std::uint16_t> out(9 * 11 * 7);
  SampleResizer().resize(white.view(), {9, 11}, {0, 0, 9, 11}, out.data());
  for (const auto v : out) ASSERT_EQ(v, 65535);
  const SampleImage samples = as_samples(draw_picture(17, 23));
  std::vector<std::uint16_t> same(samples.samples.size());
  SampleResizer().resize(samples.view(), {17, 23}, {0, 0, 17, 23}, same.data());
  EXPECT_EQ(same, samples.samples);
}

TEST(SampleResize, APartIsThatOfTheWhole) {
  const SampleImage samples = as_samples(draw_picture(60, 80));
  const Size size{30, 50};
  const Box part{4, 9, 12, 20};
  std::vector<std::uint16_t> whole(30 * 50 * 3), cut(12 * 20 * 3);
  SampleResizer().resize(samples.view(), size, {0, 0, 30, 50}, whole.data());
  SampleResizer().resize(samples.view(), size, part, cut.data());
  for (int y = 0; y < part.height; ++y)
    for (int i = 0; i < part.width * 3; ++i)
      ASSERT_EQ(cut[static_cast<std::size_t>(y * part.width * 3 + i)],
                whole[static_cast<std::size_t>(((part.top + y) * 50 + part.left) * 3 + i)]);
}

TEST(PictureReader, FlipsPixelsOfAnyChannels) {
  for (const int channels : {1, 2, 5}) {
    std::vector<std::uint16_t> row(static_cast<std::size_t>(4 * channels));
    for (std::size_t i = 0; i < row.size(); ++i) row[i] = static_cast<std::uint16_t>(1000 + i);
    auto flipped = row;
    flip_pixels(reinterpret_cast<std::uint8_t*>(flipped.data()), {1, 4}, channels);
    for (int x = 0; x < 4; ++x)
      for (int c = 0; c < channels; ++c)
        EXPECT_EQ(flipped[static_cast<std::size_t>(x * channels + c)],
                  row[static_cast<std::size_t>((3 - x) * channels + c)]);
  }
}

// The crop and the flip are those of colours: one draw for all.
TEST(PictureReader, TrainingViewsOfGreyAreThoseOfColours) {
  const Image picture = draw_picture(64, 80);
  Image grey = picture;
  for (std::size_t i = 0; i < grey.rgb.size(); i += 3)
    grey.rgb[i + 1] = grey.rgb[i + 2] = grey.rgb[i];
  const Bytes encoded = encode_png(grey);
  AugmentConfig config{.crop_height = 32, .crop_width = 32, .flip = true};
  Augmenter colours(config, 5);
  config.channels = 1;
  Augmenter one(config, 5);
  for (int position = 0; position < 8; ++position) {
    Bytes bytes(32 * 32 * 3);
    std::vector<std::uint16_t> numbers(32 * 32);
    colours.train(encoded, 0, position, bytes.data());
    one.train(encoded, 0, position, reinterpret_cast<std::uint8_t*>(numbers.data()));
    for (std::size_t i = 0; i < numbers.size(); ++i)
      ASSERT_NEAR(numbers[i] / 257.0, bytes[3 * i], 1.01);
  }
}

TEST(PictureReader, ColoursAreNotDistortedInOtherChannels) {
  EXPECT_THROW(Augmenter({.channels = 1, .colour_strength = 1}), Error);
  EXPECT_THROW(Augmenter({.channels = 5, .blur = true}), Error);
  EXPECT_THROW(Augmenter({.channels = 257}), Error);
}

}  // namespace
}  // namespace ijepa::test
