#include "ijepa/data/images/pixel_sums.hpp"

#include <algorithm>
#include <cmath>

namespace ijepa {
namespace {

/// Values of rows of interleaved channels, largest is 1.
template <class Value>
void add_row(const Value* row, int pixels, double largest, std::vector<double>& sums,
             std::vector<double>& squares) {
  for (int x = 0; x < pixels; ++x)
    for (std::size_t c = 0; c < sums.size(); ++c) {
      const double v = *row++ / largest;
      sums[c] += v;
      squares[c] += v * v;
    }
}

}  // namespace

PixelSums::PixelSums(int channels)
    : sums_(static_cast<std::size_t>(channels)), squares_(static_cast<std::size_t>(channels)) {}

void PixelSums::add(const ImageView& picture) {
  for (int y = 0; y < picture.height; ++y)
    add_row(picture.rgb + y * picture.stride, picture.width, 255.0, sums_, squares_);
  pixels_ += static_cast<double>(picture.height) * picture.width;
}

void PixelSums::add(const SampleView& picture) {
  for (int y = 0; y < picture.height; ++y)
    add_row(picture.samples + y * picture.stride, picture.width, 65535.0, sums_, squares_);
  pixels_ += static_cast<double>(picture.height) * picture.width;
}

void PixelSums::add(const PixelSums& other) {
  for (std::size_t c = 0; c < sums_.size(); ++c) {
    sums_[c] += other.sums_[c];
    squares_[c] += other.squares_[c];
  }
  pixels_ += other.pixels_;
}

std::vector<double> PixelSums::mean() const {
  std::vector<double> out;
  for (const double sum : sums_) out.push_back(sum / pixels_);
  return out;
}

std::vector<double> PixelSums::deviation() const {
  std::vector<double> out;
  const auto means = mean();
  for (std::size_t c = 0; c < means.size(); ++c)
    out.push_back(std::sqrt(std::max(0.0, squares_[c] / pixels_ - means[c] * means[c])));
  return out;
}

}  // namespace ijepa
