// PictureReader: encoded pictures as pixels of a batch (core/pixel_type.hpp), decoded and resized:
// bytes where a network takes red, green and blue, 16-bit samples where it takes other channels.
#pragma once
#include <cstdint>
#include <optional>
#include <span>

#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/resize.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa {

/// Owns its buffers; one a thread.
class PictureReader {
 public:
  explicit PictureReader(int channels, std::int64_t max_pixels = ImageDecoder::default_max_pixels);

  /// Reads the header. `encoded` must stay until the picture is read.
  Size open(std::span<const std::uint8_t> encoded);

  /// `box` of the picture resized to `scaled`: (scaled.height, scaled.width, channels) to `out`,
  /// which is aligned for 16 bits. Once after each open(), here and below.
  void read_box(const Box& box, const Size& scaled, std::uint8_t* out);
  /// `part` of the whole picture resized to `scaled`.
  void read_part(const Size& scaled, const Box& part, std::uint8_t* out);
  /// The whole picture, read to its end for the sake of its errors.
  void read_for_errors();

 private:
  ImageDecoder decoder_;
  Resizer resizer_;
  std::optional<SampleDecoder> samples_;  // of other channels than 3
  SampleResizer sample_resizer_;
};

/// Mirrors pixels of a batch left and right.
void flip_pixels(std::uint8_t* pixels, const Size& size, int channels);

}  // namespace ijepa
