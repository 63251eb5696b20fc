// Samples: pictures of other channels than red, green and blue, 16 bits each: grey, bands of a
// satellite, stains of a microscope. Nothing is guessed: the caller says how many channels there
// must be.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ijepa/core/error.hpp"
#include "ijepa/data/images/image.hpp"

namespace ijepa {

/// A picture has other channels than were asked for. Unlike damage this is said of the whole set:
/// who reads many pictures does not pass over it.
class WrongChannels : public Error {
 public:
  WrongChannels(int stored, int wanted);
  /// Of a format or kind that cannot have the channels at all: "It is a JPEG image, which ...".
  /// `instead`: what to do but to read others.
  WrongChannels(const std::string& what, int wanted, const std::string& instead = "");
  /// The first half of the sentence: "It has 5 channels".
  const std::string& what_it_has() const { return has_; }
  /// What else may be done, where it is not to read other channels; or "".
  const std::string& instead() const { return instead_; }

 private:
  std::string has_, instead_;
};

/// Pixels owned by someone else: row y starts at samples + y * stride, `channels` numbers a pixel.
struct SampleView {
  const std::uint16_t* samples = nullptr;
  int height = 0, width = 0, channels = 0;
  std::ptrdiff_t stride = 0;  // numbers from row to row

  /// The pixels of `box`, which must lie inside.
  SampleView part(const Box& box) const {
    return {samples + box.top * stride + std::ptrdiff_t{channels} * box.left, box.height, box.width,
            channels, stride};
  }
};

/// An owned picture, uint16 (height, width, channels), 0 to 65535. What is stored in 8 bits is
/// multiplied by 257, so that the largest of 8 bits is the largest of 16.
struct SampleImage {
  int height = 0, width = 0, channels = 0;
  std::vector<std::uint16_t> samples;

  SampleView view() const {
    return {samples.data(), height, width, channels, std::ptrdiff_t{channels} * width};
  }
};

/// Decodes to a number of channels that is not 3 (ImageDecoder reads those):
/// 1: grey. Colours become their luminance as in PIL's convert("L"), ITU-R 601-2, (19595 R +
///    38470 G + 7471 B) / 65536, alpha is dropped; PNG and TIFF keep their 16 bits.
/// N: PNG and TIFF of exactly N channels of 8 or 16 bits without sign, alpha counted, or a TIFF of
///    N pictures of one channel each. WrongChannels says what others have.
/// A TIFF of several_pictures() is refused as WrongChannels, too, where they are not the channels.
/// Damage and hostile sizes are an Error as with ImageDecoder; samples are limited to 3 times the
/// pixels, the memory of a picture to what ImageDecoder needs or twice that.
class SampleDecoder {
 public:
  explicit SampleDecoder(int channels, std::int64_t max_pixels = ImageDecoder::default_max_pixels);

  /// Reads the header. `bytes` must stay until the picture is decoded.
  Size open(std::span<const std::uint8_t> bytes);
  /// The pixels of `box`, or all of them, valid until the next call. Once after each open().
  SampleView decode(const Box& box);
  SampleView decode();

 private:
  const SampleImage& read_all();
  SampleView grey_of(const ImageView& picture);

  int channels_;
  std::int64_t max_pixels_;
  ImageDecoder bytes_;  // of formats of 8 bits, for grey
  std::span<const std::uint8_t> encoded_;
  SampleImage picture_;
};

/// open() and decode() with a decoder of its own, into an owned picture.
SampleImage decode_samples(std::span<const std::uint8_t> bytes, int channels,
                           std::int64_t max_pixels = ImageDecoder::default_max_pixels);

/// What the header of a picture says: channels with alpha, and bits of each. 3 of 8 bits for
/// formats that have no others. An Error where it is damaged.
struct StoredChannels {
  int channels = 3, bits = 8;
};
StoredChannels stored_channels(std::span<const std::uint8_t> bytes);

/// True of a TIFF in which a later picture has the size and the kind of the first, as in stacks and
/// films; previews and masks of the first have others. Damage behind the first picture is none.
bool several_pictures(std::span<const std::uint8_t> bytes);

}  // namespace ijepa
