#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/samples.hpp"
#include "tests/support/other_pictures.hpp"

namespace ijepa::test {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

constexpr int rows = 40, columns = 50;

Bytes draw_bytes(const TiffForm& form) {
  Rng rng(5, Purpose::test);
  Bytes out(static_cast<std::size_t>(rows * columns * form.channels * form.bits / 8));
  for (auto& byte : out) byte = static_cast<std::uint8_t>(rng.below(256));
  return out;
}

/// In strips, and in tiles that fill whole kibibytes or not.
std::vector<TiffForm> layouts() {
  std::vector<TiffForm> forms;
  for (const int channels : {1, 3, 4})
    for (const int bits : {8, 16})
      for (const bool apart : {false, true})
        for (const int tile : {0, 16, 32, 48})
          forms.push_back({.channels = static_cast<std::uint16_t>(channels),
                           .bits = static_cast<std::uint16_t>(bits),
                           .apart = apart,
                           .tile = tile});
  return forms;
}

std::vector<std::uint8_t> colours_of(const Bytes& bytes) {
  try {
    return decode_image(bytes).rgb;
  } catch (const Error& error) {
    ADD_FAILURE() << error.what();
    return {};
  }
}

TEST(Tiff, HowItIsPackedChangesNoPixel) {
  for (auto form : layouts()) {
    const auto samples = draw_bytes(form);
    const auto expected = colours_of(tiff(samples, rows, columns, form));
    for (const int packed : {COMPRESSION_NONE, COMPRESSION_PACKBITS, COMPRESSION_ADOBE_DEFLATE}) {
      form.packed = static_cast<std::uint16_t>(packed);
      EXPECT_EQ(colours_of(tiff(samples, rows, columns, form)), expected)
          << form.channels << " channels of " << form.bits << " bits, apart " << form.apart
          << ", tiles of " << form.tile << ", packed by " << packed;
    }
  }
}

TEST(Tiff, BitsInReverseAreReadWhereTheyCanBe) {
  for (auto form : layouts()) {
    const auto samples = draw_bytes(form);
    const auto expected = colours_of(tiff(samples, rows, columns, form));
    form.bit_order = FILLORDER_LSB2MSB;
    for (const int packed : {COMPRESSION_NONE, COMPRESSION_PACKBITS, COMPRESSION_ADOBE_DEFLATE}) {
      form.packed = static_cast<std::uint16_t>(packed);
      const auto bytes = tiff(samples, rows, columns, form);
      if (form.tile == 0 || packed != COMPRESSION_NONE)
        EXPECT_EQ(colours_of(bytes), expected) << form.bits << " bits, packed by " << packed;
      else
        EXPECT_THAT([&] { decode_image(bytes); },
                    ThrowsMessage<Error>(HasSubstr("tiles are not packed and have the bits")));
    }
  }
}

TEST(Tiff, WhatIsNotReadIsNamedByItsKind) {
  const auto told = [](std::uint16_t photometric, std::uint16_t channels, int wanted) {
    TiffForm form{.channels = channels};
    form.photometric = photometric;
    try {
      decode_samples(tiff(draw_bytes(form), rows, columns, form), wanted);
    } catch (const WrongChannels& error) {
      return error.what_it_has();
    }
    return std::string("read");
  };
  EXPECT_EQ(told(PHOTOMETRIC_PALETTE, 1, 5), "Its channel holds indices of a palette of 8 bits");
  EXPECT_EQ(told(PHOTOMETRIC_SEPARATED, 4, 4), "Its 4 channels hold inks (CMYK) of 8 bits");
  EXPECT_EQ(told(PHOTOMETRIC_CIELAB, 3, 4), "Its 3 channels hold colours of CIE L*a*b* of 8 bits");
  EXPECT_EQ(told(PHOTOMETRIC_ICCLAB, 3, 4), "Its 3 channels hold colours of CIE L*a*b* of 8 bits");
  EXPECT_EQ(told(PHOTOMETRIC_CFA, 1, 2), "Its channel holds a camera's raw values (CFA) of 8 bits");
  EXPECT_EQ(told(34892, 3, 2), "Its 3 channels hold a camera's raw values (linear) of 8 bits");
  EXPECT_EQ(told(999, 2, 2), "Its 2 channels hold numbers of photometric kind 999 of 8 bits");
}

}  // namespace
}  // namespace ijepa::test
