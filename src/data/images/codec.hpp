// Codec: what a picture format offers the decoder. Each holds 3 bytes a pixel of at most
// max_pixels, its library besides: progressive JPEG 6 bytes a pixel, WebP 8, TIFF 10 (15 where
// bands are turned) and at most 1 GiB for a strip, BMP and PNM the file's bytes. A JPEG has at most
// 500 scans and 4 thousand million pixels in all of them.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa {

/// A picture of PNG or TIFF with the channels and bits that it has.
struct StoredSamples {
  SampleImage image;
  bool colours = false;  // the first three channels are red, green and blue
  bool alpha = false;    // the last channel says how opaque a pixel is
};

StoredChannels png_channels(std::span<const std::uint8_t> bytes);
StoredSamples png_samples(std::span<const std::uint8_t> bytes, std::int64_t max_pixels);

/// `wanted`: more than 1 also finds so many pictures of one channel each. Nothing where the samples
/// are no plain numbers of 8 or 16 bits but a palette, a colour space, or of other bits.
std::optional<StoredSamples> tiff_samples(std::span<const std::uint8_t> bytes, int wanted,
                                          std::int64_t max_pixels);

/// Of a TIFF of which tiff_samples() is nothing.
WrongChannels no_plain_numbers(std::span<const std::uint8_t> bytes, int wanted);

/// An Error if a picture has more than 3 * max_pixels samples.
void check_samples(const Size& size, std::int64_t channels, std::int64_t max_pixels);

class ImageDecoder::Codec {
 public:
  virtual ~Codec() = default;
  virtual Size open(std::span<const std::uint8_t> bytes) = 0;
  /// The pixels of `box` inside a buffer of the codec.
  virtual ImageView decode(const Box& box) = 0;
  /// All pixels, with everything up to the end of the bytes read and checked.
  virtual ImageView decode_all() = 0;
};

class ImageDecoder::Jpeg final : public Codec {
 public:
  explicit Jpeg(std::int64_t max_pixels);
  ~Jpeg() override;
  Size open(std::span<const std::uint8_t> bytes) override;
  ImageView decode(const Box& box) override;
  ImageView decode_all() override;

 private:
  ImageView read_all();  // once decompression has started

  struct State;
  std::unique_ptr<State> state_;
};

class ImageDecoder::Png final : public Codec {
 public:
  explicit Png(std::int64_t max_pixels);
  ~Png() override;
  Size open(std::span<const std::uint8_t> bytes) override;
  ImageView decode(const Box& box) override;
  ImageView decode_all() override;
  ValueImage decode_values();
  StoredSamples decode_samples();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The formats whose pictures are always decoded whole.
class ImageDecoder::Whole final : public Codec {
 public:
  explicit Whole(std::int64_t max_pixels) : max_pixels_(max_pixels) {}
  Size open(std::span<const std::uint8_t> bytes) override;
  ImageView decode(const Box& box) override { return decode_all().part(box); }
  ImageView decode_all() override;

 private:
  std::int64_t max_pixels_;
  std::span<const std::uint8_t> bytes_;
  Size size_;
  std::vector<std::uint8_t> pixels_;
};

/// Of each such format: the size that the header names, and all pixels, uint8 (height, width, 3),
/// into a buffer of that size that is black before. An Error says what is damaged or not read.
Size webp_size(std::span<const std::uint8_t> bytes);
Size tiff_size(std::span<const std::uint8_t> bytes);
Size gif_size(std::span<const std::uint8_t> bytes);
Size bmp_size(std::span<const std::uint8_t> bytes);
Size netpbm_size(std::span<const std::uint8_t> bytes);
/// Of formats that are not packed: an Error where there are fewer bytes than pixels need, before
/// memory for those is asked for.
void check_bmp(std::span<const std::uint8_t> bytes);
void check_netpbm(std::span<const std::uint8_t> bytes);
void decode_webp(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb);
void decode_tiff(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb);
void decode_gif(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb);
void decode_bmp(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb);
void decode_netpbm(std::span<const std::uint8_t> bytes, const Size& size, std::uint8_t* rgb);

/// An Error if a picture of this size is above the limit.
void check_pixels(const Size& size, std::int64_t max_pixels);

}  // namespace ijepa
