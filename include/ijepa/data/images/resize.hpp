// Resize: PIL's antialiased bilinear resampling, bit for bit, and the sizes and boxes torchvision
// derives for evaluation. Nothing outside the given view is ever read: crop first, then resize.
#pragma once
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa {

/// Bits after the point of a weight: 8-bit pixels times weights stay within 32 bits.
constexpr int resize_precision = 22;
constexpr std::int32_t resize_half = 1 << (resize_precision - 1);

/// Weights in groups of four taps: four upper halves (11 bits) and four lower halves, so that two
/// 16-bit multiplications do the work of a 32-bit one on twice as many pixels; plain code with the
/// same integers in a build without AVX2.
class RowWeights {
 public:
  /// `weights` has `taps` (a multiple of 4) entries for each output pixel, zero-padded; `first` is
  /// the input pixel of the first one.
  void prepare(std::span<const std::int32_t> first, std::span<const std::int32_t> weights,
               int taps);

  /// Bytes behind the end of a row that apply() may read, and behind the end of a result that it
  /// may write.
  std::ptrdiff_t slack() const { return static_cast<std::ptrdiff_t>(12 * groups_ + 4); }

  /// One row of 8-bit RGB, first.size() pixels to `out`.
  void apply(const std::uint8_t* in, std::uint8_t* out) const;

 private:
  std::size_t groups_ = 0;  // an output pixel
  std::vector<std::int32_t> first_byte_;
  std::vector<std::int16_t> halves_;
};

/// For each output position the first input position, the number of inputs and their weights in
/// 22-bit fixed point, zero-padded to `taps`, a multiple of 4.
struct ResizeFilter {
  int taps = 0;
  std::vector<std::int32_t> first, count, weights;
  std::vector<double> exact;  // of one position, before rounding

  /// Of positions [begin, end) of an axis of `in_size` pixels that is scaled to `scaled_size`.
  void prepare(int in_size, int scaled_size, int begin, int end);
};

/// Resizes 8-bit RGB. A triangle filter as wide as two output pixels (two input pixels when
/// enlarging), weights in 22-bit fixed point, first along rows, then along columns, rounding to 8
/// bits in between: the arithmetic of Pillow's ImagingResample. Buffers are kept between calls.
class Resizer {
 public:
  /// Writes `part` of the picture that `in` gives when resized to `scaled`, as uint8
  /// (part.height, part.width, 3), to `out`.
  void resize(const ImageView& in, const Size& scaled, const Box& part, std::uint8_t* out);

  /// The whole of it.
  void resize(const ImageView& in, const Size& scaled, std::uint8_t* out) {
    resize(in, scaled, {0, 0, scaled.height, scaled.width}, out);
  }

 private:
  void resize_rows(const ImageView& in, int first_row, int end_row, std::ptrdiff_t row_bytes);
  void resize_column(int y, std::ptrdiff_t row_bytes, int first_row, std::uint8_t* out) const;

  ResizeFilter across_, down_;
  RowWeights row_weights_;              // of across_
  std::vector<std::uint8_t> narrow_;    // rows already resized across
  std::vector<std::uint8_t> last_row_;  // padded copy: vector loads run past the end of a row
};

/// An Error unless `part` lies inside `scaled` and both pictures have pixels.
void check_resize(const Size& in, const Size& scaled, const Box& part);

/// The size at which a picture covers `target` on both axes and touches it on one, the other axis
/// truncated to whole pixels: torchvision's rule for a short side, where `target` is square.
Size covering_size(const Size& picture, const Size& target);

/// `crop` in the middle of `picture`; half pixels round to even, as in torchvision.
Box centre_box(const Size& picture, const Size& crop);

/// What evaluation resizes a picture to before the centre crop: covering round(crop * 256 / 224),
/// or the picture as it is where it already has the size of the crop.
Size evaluation_size(const Size& picture, const Size& crop);

class SampleResizer {
 public:
  /// Writes `part` of the picture that `in` gives when resized to `scaled`, as uint16 (part.height,
  /// part.width, in.channels), to `out`.
  void resize(const SampleView& in, const Size& scaled, const Box& part, std::uint16_t* out);

 private:
  ResizeFilter across_, down_;
  std::vector<std::uint16_t> narrow_;  // rows already resized across
  std::vector<std::int64_t> sums_;
};

}  // namespace ijepa
