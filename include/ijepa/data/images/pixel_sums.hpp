// Pixel sums: mean and deviation of each channel over the pixels of many pictures, values 0 to 1:
// what data.mean and data.std are.
#pragma once
#include <cstdint>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/data/images/samples.hpp"

namespace ijepa {

class PixelSums {
 public:
  explicit PixelSums(int channels);

  /// A picture of as many channels.
  void add(const ImageView& picture);
  void add(const SampleView& picture);
  void add(const PixelSums& other);

  double pixels() const { return pixels_; }
  std::vector<double> mean() const;
  /// Divided by the number of pixels; 0 where all are equal.
  std::vector<double> deviation() const;

 private:
  std::vector<double> sums_, squares_;
  double pixels_ = 0;
};

}  // namespace ijepa
