// Image: decoding of encoded bytes to 8-bit RGB with PIL's pixel semantics, or of only a box of it.
// A decoder owns its buffers and is used again and again by one thread.
#pragma once
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "ijepa/data/images/image_kind.hpp"

namespace ijepa {

struct StoredSamples;

struct Size {
  int height = 0, width = 0;
  bool operator==(const Size&) const = default;
};

/// A rectangle of pixels.
struct Box {
  int top = 0, left = 0, height = 0, width = 0;
  bool operator==(const Box&) const = default;
};

/// Pixels owned by someone else: row y starts at rgb + y * stride, three bytes a pixel.
struct ImageView {
  const std::uint8_t* rgb = nullptr;
  int height = 0, width = 0;
  std::ptrdiff_t stride = 0;  // bytes from row to row

  /// The pixels of `box`, which must lie inside.
  ImageView part(const Box& box) const {
    return {rgb + box.top * stride + std::ptrdiff_t{3} * box.left, box.height, box.width, stride};
  }
};

/// An owned picture, uint8 (height, width, 3), red first.
struct Image {
  int height = 0, width = 0;
  std::vector<std::uint8_t> rgb;

  ImageView view() const { return {rgb.data(), height, width, std::ptrdiff_t{3} * width}; }
};

/// One number a pixel, uint8 (height, width): a map of classes.
struct IndexImage {
  int height = 0, width = 0;
  std::vector<std::uint8_t> index;
};

/// One number a pixel (height, width), as a file of masks has them.
struct ValueImage {
  int height = 0, width = 0;
  std::vector<std::uint16_t> values;
};

/// Decodes as PIL's `open(...).convert("RGB")`: accurate integer inverse DCT, fancy upsampling,
/// EXIF orientation ignored, CMYK and YCCK as Adobe writes them, alpha dropped, the first picture
/// of several. One exception: 16-bit grey keeps its upper byte, where PIL clips it to white.
/// Truncated or damaged bytes, other formats and pictures above the pixel limit are an Error; no
/// input crashes it. src/data/images/codec.hpp has the limits of each format.
class ImageDecoder {
 public:
  static constexpr std::int64_t default_max_pixels = 100'000'000;

  explicit ImageDecoder(std::int64_t max_pixels = default_max_pixels);
  ~ImageDecoder();
  ImageDecoder(ImageDecoder&&) noexcept;
  ImageDecoder& operator=(ImageDecoder&&) noexcept;

  /// Reads the header. `bytes` must stay until the picture is decoded.
  Size open(std::span<const std::uint8_t> bytes);

  /// The pixels of `box` of the opened picture, bit for bit those of a full decode; valid until the
  /// next call. Once after each open(). Rows below the box are not read, so damage there goes
  /// unseen.
  ImageView decode(const Box& box);

  /// The whole picture, read to its end; valid until the next call. Once after each open().
  ImageView decode();

 private:
  class Codec;
  class Jpeg;
  class Png;
  class Whole;

  std::int64_t max_pixels_;
  Size size_;
  std::unique_ptr<Jpeg> jpeg_;
  std::unique_ptr<Png> png_;
  std::unique_ptr<Whole> whole_;
  Codec* opened_ = nullptr;  // the codec between open() and decode()

  friend ValueImage decode_value_png(std::span<const std::uint8_t>, std::int64_t);
  friend StoredSamples png_samples(std::span<const std::uint8_t>, std::int64_t);
};

/// open() and decode() with a decoder of its own, into an owned picture.
Image decode_image(std::span<const std::uint8_t> bytes,
                   std::int64_t max_pixels = ImageDecoder::default_max_pixels);

/// The numbers of a PNG as they are stored, neither coloured nor scaled: palette entries, grey of 1
/// to 16 bits, or grey written in red, green and blue alike; alpha is passed over. Colours, or a
/// file that is no PNG, are an Error.
ValueImage decode_value_png(std::span<const std::uint8_t> bytes,
                            std::int64_t max_pixels = ImageDecoder::default_max_pixels);

/// Those numbers where all are below 256, or an Error.
IndexImage decode_index_png(std::span<const std::uint8_t> bytes,
                            std::int64_t max_pixels = ImageDecoder::default_max_pixels);

}  // namespace ijepa
