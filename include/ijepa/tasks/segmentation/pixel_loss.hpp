// Pixel loss: the class scores of a coarse map, made as large as the image by bilinear
// interpolation, against the labels of its pixels. The large map is never stored.
#pragma once
#include <cstdint>
#include <span>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/model/grid.hpp"

namespace ijepa {

/// What one image adds to the loss and the scores.
struct PixelResult {
  double loss = 0;                      // sum of the cross-entropy over pixels, not scaled
  std::int64_t pixels = 0;              // that are not ignored
  std::vector<std::int64_t> confusion;  // (C, C): truth, prediction
};

/// low (h, w, C) are the scores at the centres of h x w cells that cover the image; a pixel's are
/// interpolated between the nearest four (align_corners false: edges repeat), and the loss of a
/// pixel is -log softmax(scores)[label] (natural). labels: uint8, below C or ignored_label. Where
/// dlow (h, w, C) is not empty it becomes the gradient of scale * loss. The same bits for any
/// number of threads. docs/numerics.md has the derivation.
template <class T>
PixelResult pixel_loss(std::span<const T> low, Grid cells, const IndexImage& labels, T scale,
                       std::span<T> dlow, int threads);

/// Adds the interpolated scores (height, width, C) to a part of a larger map: `sum` is the part's
/// first number, `row` how many numbers a row of the map has.
void add_upsampled(std::span<const float> low, Grid cells, Size size, float* sum, std::size_t row);

/// The class of the highest score of every pixel; of equals the first.
IndexImage upsampled_classes(std::span<const float> low, Grid cells, Size size, int threads);

}  // namespace ijepa
