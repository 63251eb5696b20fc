// Resize: PIL's antialiased bilinear resampling, bit for bit, and the sizes and boxes torchvision
// derives for evaluation. Nothing outside the given view is ever read: crop first, then resize.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/data/image.hpp"
#include "ijepa/data/resize_row.hpp"

namespace ijepa {

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

}  // namespace ijepa
