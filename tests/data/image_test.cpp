#include "ijepa/data/images/image.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "tests/support/pictures.hpp"

namespace ijepa {
namespace {

using test::Bytes;
using test::draw_picture;
using test::encode_jpeg;
using test::encode_png;
using test::JpegForm;

constexpr auto grey_form = [] {
  JpegForm form;
  form.h_sampling = form.v_sampling = 1;
  form.input = form.stored = JCS_GRAYSCALE;
  return form;
};

/// libjpeg with its defaults and nothing else: what PIL runs.
Bytes plain_decode(const Bytes& bytes) {
  jpeg_decompress_struct info{};
  jpeg_error_mgr errors{};
  info.err = jpeg_std_error(&errors);
  jpeg_create_decompress(&info);
  jpeg_mem_src(&info, bytes.data(), bytes.size());
  jpeg_read_header(&info, TRUE);
  jpeg_start_decompress(&info);
  const std::size_t stride = static_cast<std::size_t>(info.output_width) *
                             static_cast<std::size_t>(info.output_components);
  Bytes out(stride * info.output_height);
  while (info.output_scanline < info.output_height) {
    JSAMPROW row = out.data() + info.output_scanline * stride;
    jpeg_read_scanlines(&info, &row, 1);
  }
  jpeg_finish_decompress(&info);
  jpeg_destroy_decompress(&info);
  return out;
}

Bytes copy(const ImageView& view) {
  Bytes out;
  for (int y = 0; y < view.height; ++y)
    out.insert(out.end(), view.rgb + y * view.stride, view.rgb + y * view.stride + 3 * view.width);
  return out;
}

std::string message_of(const Bytes& bytes, std::int64_t max_pixels = 1'000'000) {
  try {
    decode_image(bytes, max_pixels);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

std::vector<JpegForm> colour_forms() {
  std::vector<JpegForm> forms;
  for (const auto& [h, v] : {std::pair{1, 1}, {2, 1}, {2, 2}, {1, 2}, {4, 1}, {4, 2}})
    for (const bool progressive : {false, true}) {
      JpegForm form;
      form.h_sampling = h;
      form.v_sampling = v;
      form.progressive = progressive;
      forms.push_back(form);
    }
  return forms;
}

TEST(Jpeg, DecodesAsLibjpegsDefaultsDo) {
  for (const auto& form : colour_forms())
    for (const auto& [height, width] : {std::pair{1, 1}, {7, 33}, {64, 48}, {97, 131}}) {
      const Bytes bytes = encode_jpeg(draw_picture(height, width), form);
      const Image image = decode_image(bytes);
      EXPECT_EQ(image.height, height);
      EXPECT_EQ(image.width, width);
      EXPECT_EQ(image.rgb, plain_decode(bytes)) << form.h_sampling << form.v_sampling;
    }
}

TEST(Jpeg, AnyBoxEqualsThatPartOfTheWhole) {
  Rng rng(3, Purpose::test);
  ImageDecoder decoder;
  for (const auto& form : colour_forms())
    for (const auto& [height, width] : {std::pair{33, 7}, {64, 48}, {97, 131}, {200, 150}}) {
      const Bytes bytes = encode_jpeg(draw_picture(height, width), form);
      const Image whole = decode_image(bytes);
      for (int i = 0; i < 40; ++i) {
        const auto below = [&](int n) {
          return static_cast<int>(rng.below(static_cast<std::uint64_t>(n)));
        };
        Box box{below(height), below(width), 0, 0};
        box.height = 1 + below(height - box.top);
        box.width = 1 + below(width - box.left);
        decoder.open(bytes);
        ASSERT_EQ(copy(decoder.decode(box)), copy(whole.view().part(box)))
            << height << "x" << width << " box " << box.top << " " << box.left << " " << box.height
            << " " << box.width << " sampling " << form.h_sampling << form.v_sampling
            << form.progressive;
      }
    }
}

TEST(Jpeg, GreyBecomesThreeEqualChannels) {
  const Bytes grey{10, 20, 30, 40, 50, 60};
  const Bytes bytes = encode_jpeg(grey, 2, 3, grey_form());
  const Bytes plain = plain_decode(bytes);
  const Image image = decode_image(bytes);
  ASSERT_EQ(image.rgb.size(), 18U);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) EXPECT_EQ(image.rgb[i], plain[i / 3]);
}

TEST(Jpeg, CmykAndYcckAreAdobesInvertedInks) {
  for (const auto stored : {JCS_CMYK, JCS_YCCK}) {
    const Image rgb = draw_picture(20, 24);
    Bytes inks;  // with black 255 (inverted: none) the three inks are the three colours
    for (std::size_t i = 0; i < rgb.rgb.size(); i += 3) {
      inks.insert(inks.end(), rgb.rgb.begin() + static_cast<std::ptrdiff_t>(i),
                  rgb.rgb.begin() + static_cast<std::ptrdiff_t>(i) + 3);
      inks.push_back(255);
    }
    JpegForm form;
    form.quality = 100;
    form.h_sampling = form.v_sampling = 1;
    form.input = JCS_CMYK;
    form.stored = stored;
    const Image image = decode_image(encode_jpeg(inks, 20, 24, form));
    ASSERT_EQ(image.rgb.size(), rgb.rgb.size());
    for (std::size_t i = 0; i < rgb.rgb.size(); ++i) EXPECT_NEAR(image.rgb[i], rgb.rgb[i], 6);
    std::fill(inks.begin(), inks.end(), std::uint8_t{0});
    for (const auto v : decode_image(encode_jpeg(inks, 20, 24, form)).rgb) EXPECT_LE(v, 2);
  }
}

TEST(Jpeg, ExifOrientationIsIgnored) {
  Bytes bytes = encode_jpeg(draw_picture(12, 20));
  const Bytes before = decode_image(bytes).rgb;
  const Bytes exif{0xFF, 0xE1, 0, 34, 'E',  'x', 'i', 'f', 0, 0, 'M', 'M', 0, 42, 0, 0, 0,
                   8,    0,    1, 1,  0x12, 0,   3,   0,   0, 0, 1,   0,   6, 0,  0, 0, 0};
  bytes.insert(bytes.begin() + 2, exif.begin(), exif.end());
  const Image image = decode_image(bytes);
  EXPECT_EQ(image.height, 12);
  EXPECT_EQ(image.rgb, before);
}

TEST(Png, EveryKindBecomesRgb) {
  const Image image = draw_picture(9, 13);
  EXPECT_EQ(decode_image(encode_png(image)).rgb, image.rgb);
  EXPECT_EQ(decode_image(encode_png(image, PNG_INTERLACE_ADAM7)).rgb, image.rgb);

  const Bytes with_alpha{1, 2, 3, 0, 4, 5, 6, 128};
  EXPECT_EQ(decode_image(encode_png(with_alpha, 1, 2, {PNG_COLOR_TYPE_RGB_ALPHA, 8, 0, {}})).rgb,
            (Bytes{1, 2, 3, 4, 5, 6}));
  const Bytes indices{2, 0};
  const Bytes palette{9, 8, 7, 1, 1, 1, 200, 100, 50};
  EXPECT_EQ(decode_image(encode_png(indices, 1, 2, {PNG_COLOR_TYPE_PALETTE, 8, 0, palette})).rgb,
            (Bytes{200, 100, 50, 9, 8, 7}));
  const Bytes two_bits{0b00011011};
  EXPECT_EQ(decode_image(encode_png(two_bits, 1, 4, {PNG_COLOR_TYPE_GRAY, 2, 0, {}})).rgb,
            (Bytes{0, 0, 0, 85, 85, 85, 170, 170, 170, 255, 255, 255}));
  const Bytes grey_alpha{77, 3};
  EXPECT_EQ(decode_image(encode_png(grey_alpha, 1, 1, {PNG_COLOR_TYPE_GRAY_ALPHA, 8, 0, {}})).rgb,
            (Bytes{77, 77, 77}));
  const Bytes sixteen{0x12, 0xFF, 0x34, 0x00, 0x56, 0x80};
  EXPECT_EQ(decode_image(encode_png(sixteen, 1, 1, {PNG_COLOR_TYPE_RGB, 16, 0, {}})).rgb,
            (Bytes{0x12, 0x34, 0x56}));
}

TEST(Png, AnyBoxEqualsThatPartOfTheWhole) {
  const Image image = draw_picture(20, 30);
  const Bytes bytes = encode_png(image);
  ImageDecoder decoder;
  EXPECT_EQ(decoder.open(bytes), (Size{20, 30}));
  const Box box{3, 5, 7, 11};
  EXPECT_EQ(copy(decoder.decode(box)), copy(image.view().part(box)));
}

/// `bytes` up to its scan number `scans` (from 1), and an end.
Bytes without_last_scans(const Bytes& bytes, int scans) {
  for (std::size_t i = 0; i + 1 < bytes.size(); ++i)
    if (bytes[i] == 0xFF && bytes[i + 1] == 0xDA && scans-- == 0) {
      Bytes cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(i));
      cut.insert(cut.end(), {0xFF, 0xD9});
      return cut;
    }
  return bytes;
}

TEST(Jpeg, BoxesOfAProgressiveFileWithoutItsLastScansAreThoseOfTheWhole) {
  JpegForm form;
  form.progressive = true;
  const Bytes whole = encode_jpeg(draw_picture(97, 131), form);
  ImageDecoder decoder;
  for (const int scans : {1, 2, 3, 5}) {
    const Bytes bytes = without_last_scans(whole, scans);
    ASSERT_LT(bytes.size(), whole.size());
    const Image all = decode_image(bytes);
    EXPECT_EQ(all.rgb, plain_decode(bytes));
    for (const Box& box : {Box{0, 0, 20, 20}, {33, 45, 40, 50}, {90, 120, 7, 11}}) {
      decoder.open(bytes);
      EXPECT_EQ(copy(decoder.decode(box)), copy(all.view().part(box))) << scans << " scans";
    }
  }
}

TEST(Image, SaysWhatIsWrongWithBadBytes) {
  const Bytes jpeg = encode_jpeg(draw_picture(40, 40)), png = encode_png(draw_picture(40, 40));
  EXPECT_NE(message_of({}).find("PGM image but an empty file"), std::string::npos);
  EXPECT_NE(message_of({'G', 'I', 'F', '8', '9', 'a'}).find("GIF data is damaged"),
            std::string::npos);
  EXPECT_NE(message_of({0xFF, 0xD8, 0xFF}).find("JPEG data is damaged"), std::string::npos);
  EXPECT_NE(message_of(jpeg, 1599).find("above the limit of 1599"), std::string::npos);
  EXPECT_NE(message_of(png, 1599).find("above the limit of 1599"), std::string::npos);
  EXPECT_EQ(message_of(jpeg, 1600), "");
  for (const Bytes& whole : {jpeg, png})
    for (const std::size_t cut :
         {whole.size() - 1, whole.size() - 3, whole.size() / 2, std::size_t{30}}) {
      const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
      EXPECT_NE(message_of(part), "") << cut << " of " << whole.size();
    }
}

TEST(Image, RefusesMisuse) {
  const Bytes bytes = encode_jpeg(draw_picture(10, 12));
  ImageDecoder decoder;
  EXPECT_THROW(decoder.decode(), Error);
  for (const Box& box :
       {Box{0, 0, 11, 1}, Box{0, 0, 1, 13}, Box{-1, 0, 1, 1}, Box{9, 0, 2, 1}, Box{0, 0, 0, 1}}) {
    decoder.open(bytes);
    EXPECT_THROW(decoder.decode(box), Error);
  }
  decoder.open(bytes);
  decoder.decode();
  EXPECT_THROW(decoder.decode(), Error) << "a second decode needs a second open";
}

// One decoder through thousands of damaged pictures: it may refuse or decode each, and must go on.
TEST(Image, SurvivesRandomDamage) {
  JpegForm progressive;
  progressive.progressive = true;
  const std::vector<Bytes> originals{
      encode_jpeg(draw_picture(33, 47)), encode_jpeg(draw_picture(40, 24), progressive),
      encode_jpeg(Bytes(300, 90), 15, 20, grey_form()), encode_png(draw_picture(17, 19)),
      encode_png(draw_picture(17, 19), PNG_INTERLACE_ADAM7)};
  Rng rng(5, Purpose::test);
  ImageDecoder decoder(250'000);
  int refused = 0;
  for (int i = 0; i < 3000; ++i) {
    Bytes bytes = originals[rng.below(originals.size())];
    if (rng.below(3) == 0) bytes.resize(rng.below(bytes.size()));
    for (std::uint64_t flips = rng.below(8); flips > 0 && !bytes.empty(); --flips)
      bytes[rng.below(bytes.size())] ^= static_cast<std::uint8_t>(1 + rng.below(255));
    try {
      const Size size = decoder.open(bytes);
      if (rng.below(2) == 0)
        decoder.decode();
      else
        decoder.decode({size.height / 3, size.width / 3, size.height - size.height / 3,
                        size.width - size.width / 3});
    } catch (const Error&) {
      ++refused;
    }
  }
  EXPECT_GT(refused, 500);
  const Bytes good = encode_jpeg(draw_picture(33, 47));
  decoder.open(good);
  EXPECT_EQ(copy(decoder.decode()), plain_decode(good));
}

}  // namespace
}  // namespace ijepa
