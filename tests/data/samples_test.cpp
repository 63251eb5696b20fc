#include "ijepa/data/images/samples.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

#include "ijepa/data/images/orientation.hpp"
#include "ijepa/data/images/shown.hpp"
#include "tests/support/other_pictures.hpp"

namespace ijepa::test {
namespace {

using Numbers = std::vector<std::uint16_t>;

constexpr int height = 21, width = 34;

Numbers draw_numbers(int channels, std::uint16_t most = 65535) {
  Rng rng(3, Purpose::test);
  Numbers out(static_cast<std::size_t>(height * width * channels));
  for (auto& n : out) n = static_cast<std::uint16_t>(rng.below(std::uint64_t{most} + 1));
  return out;
}

Bytes as_bytes(const Numbers& numbers, int bits) {
  Bytes out(numbers.size() * static_cast<std::size_t>(bits / 8));
  if (bits == 16) {
    std::memcpy(out.data(), numbers.data(), out.size());
  } else {
    std::ranges::transform(numbers, out.begin(),
                           [](auto n) { return static_cast<std::uint8_t>(n); });
  }
  return out;
}

Bytes png16(const Numbers& numbers, int colour_type) {
  Bytes bytes;
  for (const auto n : numbers) {
    bytes.push_back(static_cast<std::uint8_t>(n >> 8));
    bytes.push_back(static_cast<std::uint8_t>(n));
  }
  return encode_png(bytes, height, width, {colour_type, 16, PNG_INTERLACE_NONE, {}});
}

std::string problem_of(const Bytes& bytes, int channels, std::int64_t most = 1'000'000) {
  try {
    decode_samples(bytes, channels, most);
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

TEST(Samples, TiffsOfAnyLayoutGiveTheNumbersThatWereStored) {
  for (const int channels : {1, 2, 4, 5, 13})
    for (const int bits : {8, 16})
      for (const bool apart : {false, true})
        for (const int tile : {0, 16}) {
          const auto stored = draw_numbers(channels, bits == 8 ? 255 : 65535);
          const TiffForm form{.channels = static_cast<std::uint16_t>(channels),
                              .bits = static_cast<std::uint16_t>(bits),
                              .colours = false,
                              .apart = apart,
                              .tile = tile};
          const auto image =
              decode_samples(tiff(as_bytes(stored, bits), height, width, form), channels);
          auto expected = stored;
          if (bits == 8)
            for (auto& n : expected) n = static_cast<std::uint16_t>(n * 257);
          EXPECT_EQ(image.samples, expected)
              << channels << " of " << bits << " bits, apart " << apart << ", tile " << tile;
          EXPECT_EQ(image.height, height);
          EXPECT_EQ(image.width, width);
        }
}

TEST(Samples, PicturesOfOneChannelAreChannelsWhereSoManyAreWanted) {
  const auto stored = draw_numbers(1);
  const auto bytes =
      tiff(as_bytes(stored, 16), height, width, {.channels = 1, .bits = 16, .pages = 4});
  const auto image = decode_samples(bytes, 4);
  for (std::size_t i = 0; i < stored.size(); ++i)
    for (std::size_t c = 0; c < 4; ++c) ASSERT_EQ(image.samples[4 * i + c], stored[i]);
  EXPECT_TRUE(problem_of(bytes, 5).starts_with("It has 1 channel in each of 4 pictures"));
  EXPECT_TRUE(problem_of(bytes, 2).starts_with("It has 1 channel in each of more than 2"));
}

TEST(Samples, TheFirstOfSeveralPicturesIsNotTakenForAll) {
  for (const int channels : {1, 3, 5}) {
    TiffForm form{.channels = static_cast<std::uint16_t>(channels), .bits = 16};
    form.colours = channels == 3;
    form.pages = 2;
    const auto stored = as_bytes(draw_numbers(channels), 16);
    const auto bytes = tiff(stored, height, width, form);
    EXPECT_TRUE(several_pictures(bytes));
    const auto told = problem_of(bytes, channels == 5 ? 5 : 1);
    EXPECT_TRUE(told.starts_with(fmt::format("It has {} channel{} in each of several pictures",
                                             channels, channels == 1 ? "" : "s")))
        << told;
    form.pages = 1;
    EXPECT_FALSE(several_pictures(tiff(stored, height, width, form)));
  }
  EXPECT_FALSE(several_pictures(encode_png(draw_picture(4, 4))));
}

TEST(Samples, DamageBehindAPictureIsNotTheEndOfThem) {
  const auto stored = draw_numbers(1);
  auto bytes = tiff(as_bytes(stored, 16), height, width, {.channels = 1, .bits = 16, .pages = 2});
  bytes.resize(bytes.size() - 100);  // in the second one's directory, which stands last
  EXPECT_EQ(decode_samples(bytes, 1).samples, stored);
  EXPECT_FALSE(several_pictures(bytes));
  try {
    decode_samples(bytes, 2);
    FAIL() << "a damaged picture was read";
  } catch (const WrongChannels& error) {
    FAIL() << error.what();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("damaged"), std::string::npos) << error.what();
  }
}

TEST(Samples, PngKeepsItsSixteenBits) {
  const auto grey = draw_numbers(1);
  EXPECT_EQ(decode_samples(png16(grey, PNG_COLOR_TYPE_GRAY), 1).samples, grey);
  const auto pair = draw_numbers(2);
  EXPECT_EQ(decode_samples(png16(pair, PNG_COLOR_TYPE_GRAY_ALPHA), 2).samples, pair);
  const auto four = draw_numbers(4);
  EXPECT_EQ(decode_samples(png16(four, PNG_COLOR_TYPE_RGB_ALPHA), 4).samples, four);
}

TEST(Samples, GreyIsLuminanceAndDropsAlpha) {
  const auto pair = draw_numbers(2);
  const auto grey = decode_samples(png16(pair, PNG_COLOR_TYPE_GRAY_ALPHA), 1);
  const auto four = draw_numbers(4);
  const auto form = TiffForm{.channels = 4, .bits = 16};
  const auto of_png = decode_samples(png16(four, PNG_COLOR_TYPE_RGB_ALPHA), 1);
  const auto of_tiff = decode_samples(tiff(as_bytes(four, 16), height, width, form), 1);
  ASSERT_EQ(of_png.channels, 1);
  EXPECT_EQ(of_png.samples, of_tiff.samples);
  for (std::size_t i = 0; i < of_png.samples.size(); ++i) {
    ASSERT_EQ(grey.samples[i], pair[2 * i]);
    const double exact = 0.299 * four[4 * i] + 0.587 * four[4 * i + 1] + 0.114 * four[4 * i + 2];
    ASSERT_NEAR(of_png.samples[i], exact, 1.0);
  }
}

TEST(Samples, GreyOfEightBitsIsExactWhateverTheFormat) {
  Image picture{height, width, {}};
  Numbers expected;
  for (const auto n : draw_numbers(1, 255)) {
    picture.rgb.insert(picture.rgb.end(), 3, static_cast<std::uint8_t>(n));
    expected.push_back(static_cast<std::uint16_t>(n * 257));
  }
  for (const auto& bytes : {encode_png(picture), webp(picture), bmp(picture), ppm(picture),
                            tiff(picture.rgb, height, width)})
    EXPECT_EQ(decode_samples(bytes, 1).samples, expected);
}

TEST(Samples, ABoxIsThatOfTheWhole) {
  const auto stored = draw_numbers(5);
  const auto bytes =
      tiff(as_bytes(stored, 16), height, width, {.channels = 5, .bits = 16, .colours = false});
  SampleDecoder decoder(5);
  EXPECT_EQ(decoder.open(bytes), (Size{height, width}));
  const auto view = decoder.decode({3, 7, 10, 20});
  for (int y = 0; y < 10; ++y)
    for (int i = 0; i < 20 * 5; ++i)
      ASSERT_EQ(view.samples[y * view.stride + i],
                stored[static_cast<std::size_t>(((3 + y) * width + 7) * 5 + i)]);
}

TEST(Samples, TurnsTiffsThatLieOnTheirSide) {
  const auto stored = draw_numbers(2);
  const auto bytes = tiff(as_bytes(stored, 16), height, width,
                          {.channels = 2, .bits = 16, .orientation = ORIENTATION_RIGHTTOP});
  const auto image = decode_samples(bytes, 2);
  EXPECT_EQ(image.height, width);
  EXPECT_EQ(image.width, height);
  // Turned clockwise: the last row's start is the new upper left corner.
  EXPECT_EQ(image.samples[0], stored[static_cast<std::size_t>((height - 1) * width * 2)]);
}

/// Where tag 262 stands, type SHORT, one value: the only such entry.
Bytes::iterator photometric_entry(Bytes& bytes, std::uint8_t value) {
  const Bytes entry{0x06, 0x01, 3, 0, 1, 0, 0, 0, value};
  const auto at = std::search(bytes.begin(), bytes.end(), entry.begin(), entry.end());
  if (at == bytes.end()) ADD_FAILURE() << "no such entry";
  return at;
}

TEST(Samples, WhiteAtZeroIsTurnedRound) {
  const auto stored = draw_numbers(1);
  Numbers negative;
  for (const auto n : stored) negative.push_back(static_cast<std::uint16_t>(65535 - n));
  auto bytes = tiff(as_bytes(stored, 16), height, width, {.channels = 1, .bits = 16});
  photometric_entry(bytes, PHOTOMETRIC_MINISBLACK)[8] = PHOTOMETRIC_MINISWHITE;
  EXPECT_EQ(decode_samples(bytes, 1).samples, negative);
}

TEST(Samples, AFileThatDoesNotSayWhatSamplesMeanIsBlackAtZero) {
  for (const int channels : {1, 3, 5}) {
    TiffForm form{.channels = static_cast<std::uint16_t>(channels), .bits = 16};
    form.colours = false;
    const auto stored = draw_numbers(channels);
    const auto said = tiff(as_bytes(stored, 16), height, width, form);
    auto silent = said;
    photometric_entry(silent, PHOTOMETRIC_MINISBLACK)[0] = 0x07;  // tag 263, of something else
    if (channels != 3) {
      EXPECT_EQ(decode_samples(silent, channels).samples, stored);
    }
    if (channels != 5) {
      EXPECT_EQ(decode_image(silent).rgb, decode_image(said).rgb);
    }
  }
}

TEST(Samples, NumbersThatAreNotPlainAreNoGrey) {
  const auto of = [](TiffForm form, int bits) {
    form.bits = static_cast<std::uint16_t>(bits);
    return tiff(Bytes(static_cast<std::size_t>(height * width * form.channels * bits / 8)), height,
                width, form);
  };
  const TiffForm grey{.channels = 1}, colours{.channels = 3};
  auto minus = grey, minus_colours = colours, inks = TiffForm{.channels = 4};
  minus.numbers = minus_colours.numbers = SAMPLEFORMAT_INT;
  inks.photometric = PHOTOMETRIC_SEPARATED;
  for (const auto& [bytes, first] :
       {std::pair{of(minus, 16), "Its channel holds numbers with sign of 16 bits"},
        {of(minus, 8), "Its channel holds numbers with sign of 8 bits"},
        {of(minus_colours, 16), "Its 3 channels hold numbers with sign of 16 bits"},
        {of(inks, 16), "Its 4 channels hold inks (CMYK) of 16 bits"},
        {of(grey, 32), "Its channel holds floating-point numbers of 32 bits"}})
    EXPECT_EQ(problem_of(bytes, 1),
              std::string(first) +
                  ", but the network reads 1 (data.channels): convert it to plain "
                  "numbers of 8 or 16 bits without sign, or leave this one out "
                  "(ijepa-shards --channels 1 packs only those that fit).");
  // Numbers of a kind that a file leaves open are whole and unsigned.
  const auto stored = draw_numbers(1);
  auto open = TiffForm{.channels = 1, .bits = 16};
  open.numbers = SAMPLEFORMAT_VOID;
  EXPECT_EQ(decode_samples(tiff(as_bytes(stored, 16), height, width, open), 1).samples, stored);
  // A palette is read by way of 8 bits, of which it has no more.
  const auto index = draw_numbers(1, 255);
  auto palette = grey;
  palette.photometric = PHOTOMETRIC_PALETTE;
  Numbers expected;
  for (const auto n : index) expected.push_back(static_cast<std::uint16_t>(257 * n));
  EXPECT_EQ(decode_samples(tiff(as_bytes(index, 8), height, width, palette), 1).samples, expected);
}

TEST(Samples, ThreeBandsAreReadAsColoursWhereTheseAreAskedFor) {
  for (const int bits : {8, 16})
    for (const bool apart : {false, true})
      for (const int tile : {0, 16})
        for (const auto orientation : {ORIENTATION_TOPLEFT, ORIENTATION_RIGHTTOP}) {
          TiffForm form{.channels = 3, .bits = static_cast<std::uint16_t>(bits)};
          form.orientation = static_cast<std::uint16_t>(orientation);
          form.apart = apart;
          form.tile = tile;
          const auto samples = as_bytes(draw_numbers(3, bits == 8 ? 255 : 65535), bits);
          const auto colours = decode_image(tiff(samples, height, width, form));
          form.colours = false;
          const auto bands = decode_image(tiff(samples, height, width, form));
          EXPECT_EQ(bands.height, colours.height);
          EXPECT_EQ(bands.rgb, colours.rgb) << bits << " bits, apart " << apart;
        }
}

TEST(Samples, GreysOf16BitsAreTheSameColoursFromTilesAndFromStrips) {
  for (const bool alpha : {false, true}) {
    TiffForm form{.channels = 1, .bits = 16, .colours = false};
    if (alpha) form.channels = 2;
    form.alpha = alpha;
    const auto samples = as_bytes(draw_numbers(form.channels, 65535), 16);
    const auto strips = decode_image(tiff(samples, height, width, form));
    form.tile = 16;  // the last tiles reach over the edge
    EXPECT_EQ(decode_image(tiff(samples, height, width, form)).rgb, strips.rgb) << alpha;
  }
}

TEST(Samples, TheFirstOfTwoChannelsIsGreyOnlyBesideAlpha) {
  const auto told = [](TiffForm form) {
    form.colours = false;
    try {
      decode_image(tiff(as_bytes(draw_numbers(form.channels, 255), 8), height, width, form));
    } catch (const WrongChannels& error) {
      return error.what_it_has();
    }
    return std::string("read");
  };
  TiffForm two{.channels = 2}, three{.channels = 3}, four{.channels = 4};
  EXPECT_EQ(told(two), "It has 2 channels");
  EXPECT_EQ(told(three), "read");
  EXPECT_EQ(told(four), "It has 4 channels");
  two.alpha = three.alpha = true;
  EXPECT_EQ(told(two), "read");
  EXPECT_EQ(told(three), "It has 2 channels and alpha");
  three.alpha = false;
  three.numbers = SAMPLEFORMAT_INT;
  EXPECT_EQ(told(three), "Its 3 channels hold numbers with sign of 8 bits");
}

TEST(Samples, OtherChannelsAreRefusedWithBothNumbersAndTheKey) {
  const auto five = tiff(as_bytes(draw_numbers(5), 16), height, width,
                         {.channels = 5, .bits = 16, .colours = false});
  for (const int wanted : {1, 2, 4, 6}) {
    EXPECT_THROW(decode_samples(five, wanted), WrongChannels);
    const auto text = problem_of(five, wanted);
    EXPECT_EQ(text, fmt::format("It has 5 channels, but the network reads {0} (data.channels): "
                                "pretrain with data.channels as such images have, or leave this "
                                "one out (ijepa-shards --channels {0} packs only those that fit).",
                                wanted));
  }
  EXPECT_THROW(decode_image(five), WrongChannels);
  EXPECT_TRUE(
      problem_of(png16(draw_numbers(1), PNG_COLOR_TYPE_GRAY), 5).starts_with("It has 1 channel,"));
  const Image picture = draw_picture(16, 16);
  for (const auto& [bytes, name] : {std::pair{encode_jpeg(picture), "JPEG"},
                                    {webp(picture), "WebP"},
                                    {gif(false), "GIF"},
                                    {bmp(picture), "BMP"}})
    for (const int wanted : {2, 4, 5}) {
      const auto text = problem_of(bytes, wanted);
      EXPECT_NE(text.find(fmt::format("a {} image, which has no more than 3 channels", name)),
                std::string::npos)
          << text;
    }
  const auto real = tiff(Bytes(static_cast<std::size_t>(height * width * 5 * 4)), height, width,
                         {.channels = 5, .bits = 32, .colours = false});
  EXPECT_TRUE(problem_of(real, 5).starts_with("Its 5 channels hold floating-point numbers of 32"));
}

TEST(Samples, SaysWhatIsStored) {
  const auto told = [](const Bytes& bytes) {
    const auto [channels, bits] = stored_channels(bytes);
    return fmt::format("{} of {}", channels, bits);
  };
  EXPECT_EQ(told(png16(draw_numbers(2), PNG_COLOR_TYPE_GRAY_ALPHA)), "2 of 16");
  EXPECT_EQ(told(encode_png(draw_picture(4, 4))), "3 of 8");
  EXPECT_EQ(told(encode_jpeg(draw_picture(16, 16))), "3 of 8");
  EXPECT_EQ(told(tiff(as_bytes(draw_numbers(7), 16), height, width,
                      {.channels = 7, .bits = 16, .colours = false})),
            "7 of 16");
}

TEST(Samples, DamageAndSizesAboveTheLimitAreErrors) {
  const auto numbers = as_bytes(draw_numbers(5), 16);
  for (const bool apart : {false, true})
    for (const int tile : {0, 16}) {
      const auto whole =
          tiff(numbers, height, width,
               {.channels = 5, .bits = 16, .colours = false, .apart = apart, .tile = tile});
      EXPECT_NE(problem_of(whole, 5, 100), "");
      // 3 * pixels samples at most.
      EXPECT_NE(problem_of(whole, 5, height * width + 1).find("samples"), std::string::npos);
      for (std::size_t at = 8; at < whole.size(); at += 37) {
        Bytes damaged = whole;
        for (std::size_t i = at; i < std::min(at + 9, damaged.size()); ++i) damaged[i] ^= 0xA5;
        try {
          decode_samples(damaged, 5, 1'000'000);
        } catch (const Error&) {
        }
        damaged = whole;
        damaged.resize(at);
        EXPECT_NE(problem_of(damaged, 5), "");
      }
    }
}

TEST(Shown, StretchesEachChannelAndNamesThem) {
  Numbers dark = draw_numbers(5, 4000);
  const Image image = shown(SampleView{dark.data(), height, width, 5, width * 5});
  EXPECT_EQ(image.rgb.size(), static_cast<std::size_t>(height * width * 3));
  EXPECT_EQ(*std::ranges::max_element(image.rgb), 255);
  EXPECT_EQ(*std::ranges::min_element(image.rgb), 0);
  EXPECT_EQ(shown_channels(5), "channels 1, 2 and 3 of 5 as red, green and blue");
  EXPECT_EQ(shown_channels(1), "");
  EXPECT_EQ(shown_channels(3), "");
  const Numbers flat(static_cast<std::size_t>(height * width), 65535);
  for (const auto level : shown(SampleView{flat.data(), height, width, 1, width}).rgb)
    ASSERT_EQ(level, 255);
}

}  // namespace
}  // namespace ijepa::test
