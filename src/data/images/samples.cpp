#include "ijepa/data/images/samples.hpp"

#include <algorithm>
#include <utility>

#include "codec.hpp"
#include "tiff_file.hpp"

namespace ijepa {
namespace {

constexpr std::uint16_t of_byte = 257;  // 255 * 257 = 65535

std::uint16_t luminance(std::uint32_t red, std::uint32_t green, std::uint32_t blue) {
  return static_cast<std::uint16_t>((red * 19595 + green * 38470 + blue * 7471 + 0x8000) >> 16);
}

bool keeps_channels(ImageFormat format) {
  return format == ImageFormat::png || format == ImageFormat::tiff;
}

/// Kinds of TIFF that only a decoder of 8 bits reads: palettes, colour spaces, fewer bits. Of
/// others it would cut off bits, or take negative numbers for large ones, and say nothing.
bool fits_bytes(std::span<const std::uint8_t> bytes) {
  const TiffFile tiff(bytes);
  return tiff.has_plain_numbers() && tiff.tag(TIFFTAG_BITSPERSAMPLE) <= 8 &&
         tiff.tag(TIFFTAG_SAMPLESPERPIXEL) <= 4;
}

/// Of several pictures the first would be taken for all there is, unless each is a channel.
void refuse_more_pictures(std::span<const std::uint8_t> bytes, int wanted) {
  const int channels = stored_channels(bytes).channels;
  if ((channels == 1 && wanted > 1) || !several_pictures(bytes)) return;
  throw WrongChannels(fmt::format("It has {} channel{} in each of several pictures", channels,
                                  channels == 1 ? "" : "s"),
                      wanted);
}

/// The one channel of grey, or the luminance of colours, in place.
void make_grey(StoredSamples& stored) {
  SampleImage& image = stored.image;
  const int without_alpha = image.channels - (stored.alpha ? 1 : 0);
  if (without_alpha != (stored.colours ? 3 : 1)) throw WrongChannels(image.channels, 1);
  const auto step = static_cast<std::size_t>(image.channels);
  const auto count = image.samples.size() / step;
  auto& s = image.samples;
  for (std::size_t i = 0; i < count; ++i) {
    const std::uint16_t* p = s.data() + i * step;
    s[i] = stored.colours ? luminance(p[0], p[1], p[2]) : p[0];
  }
  s.resize(count);
  image.channels = 1;
}

}  // namespace

WrongChannels::WrongChannels(int stored, int wanted)
    : WrongChannels(fmt::format("It has {} channel{}", stored, stored == 1 ? "" : "s"), wanted) {}

WrongChannels::WrongChannels(const std::string& what, int wanted, const std::string& instead)
    : Error(fmt::format(
          "{}, but the network reads {} (data.channels): {}, or leave this one out "
          "(ijepa-shards --channels {} packs only those that fit).",
          what, wanted,
          instead.empty() ? "pretrain with data.channels as such images have" : instead, wanted)),
      has_(what),
      instead_(instead) {}

void check_samples(const Size& size, std::int64_t channels, std::int64_t max_pixels) {
  check(std::int64_t{size.height} * size.width <= 3 * max_pixels / channels,
        "The image has {} x {} pixels of {} channels, above the limit of {} samples.", size.width,
        size.height, channels, 3 * max_pixels);
}

WrongChannels no_plain_numbers(std::span<const std::uint8_t> bytes, int wanted) {
  const auto [channels, bits] = stored_channels(bytes);
  return {fmt::format("Its {} {} of {} bit{}",
                      channels == 1 ? "channel holds" : fmt::format("{} channels hold", channels),
                      TiffFile(bytes).samples_text(), bits, bits == 1 ? "" : "s"),
          wanted, "convert it to plain numbers of 8 or 16 bits without sign"};
}

SampleDecoder::SampleDecoder(int channels, std::int64_t max_pixels)
    : channels_(channels), max_pixels_(max_pixels), bytes_(max_pixels) {}

Size SampleDecoder::open(std::span<const std::uint8_t> bytes) {
  const auto format = image_format(bytes);
  const Size size = bytes_.open(bytes);
  encoded_ = bytes;
  if (channels_ != 1 && !keeps_channels(format))
    throw WrongChannels(
        fmt::format("It is a {} image, which has no more than 3 channels (PNG has 1 to 4, TIFF any "
                    "number)",
                    format_name(format)),
        channels_);
  return size;
}

SampleView SampleDecoder::decode(const Box& box) {
  if (keeps_channels(image_format(encoded_))) return read_all().view().part(box);
  return grey_of(bytes_.decode(box));
}

SampleView SampleDecoder::decode() {
  if (keeps_channels(image_format(encoded_))) return read_all().view();
  return grey_of(bytes_.decode());
}

const SampleImage& SampleDecoder::read_all() {
  check(!encoded_.empty(), "decode() was called without a successful open().");
  const auto bytes = std::exchange(encoded_, {});
  refuse_more_pictures(bytes, channels_);
  std::optional<StoredSamples> stored;
  if (image_format(bytes) == ImageFormat::png)
    stored = png_samples(bytes, max_pixels_);
  else
    stored = tiff_samples(bytes, channels_, max_pixels_);
  if (!stored) {
    if (channels_ != 1 || !fits_bytes(bytes)) throw no_plain_numbers(bytes, channels_);
    try {
      grey_of(bytes_.decode());
    } catch (const WrongChannels& error) {  // the decoder of bytes wants 3
      throw WrongChannels(error.what_it_has(), channels_, error.instead());
    }
    return picture_;
  }
  if (channels_ == 1)
    make_grey(*stored);
  else if (stored->image.channels != channels_)
    throw WrongChannels(stored->image.channels, channels_);
  picture_ = std::move(stored->image);
  return picture_;
}

SampleView SampleDecoder::grey_of(const ImageView& picture) {
  picture_ = {picture.height, picture.width, 1, {}};
  picture_.samples.reserve(static_cast<std::size_t>(picture.height) *
                           static_cast<std::size_t>(picture.width));
  for (int y = 0; y < picture.height; ++y) {
    const std::uint8_t* p = picture.rgb + y * picture.stride;
    for (int x = 0; x < picture.width; ++x, p += 3)
      picture_.samples.push_back(static_cast<std::uint16_t>(
          luminance(std::uint32_t{p[0]} * of_byte, std::uint32_t{p[1]} * of_byte,
                    std::uint32_t{p[2]} * of_byte)));
  }
  return picture_.view();
}

StoredChannels stored_channels(std::span<const std::uint8_t> bytes) {
  const auto format = image_format(bytes);
  if (format == ImageFormat::png) return png_channels(bytes);
  if (format != ImageFormat::tiff) return {};
  const TiffFile tiff(bytes);
  return {tiff.tag(TIFFTAG_SAMPLESPERPIXEL), tiff.tag(TIFFTAG_BITSPERSAMPLE)};
}

SampleImage decode_samples(std::span<const std::uint8_t> bytes, int channels,
                           std::int64_t max_pixels) {
  SampleDecoder decoder(channels, max_pixels);
  decoder.open(bytes);
  const SampleView view = decoder.decode();
  return {view.height,
          view.width,
          view.channels,
          {view.samples, view.samples + view.stride * view.height}};
}

}  // namespace ijepa
