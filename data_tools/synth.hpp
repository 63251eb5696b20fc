// Synth: labelled images whose classes differ by shape alone. Every image is a pure function of
// (seed, split, index), whatever the threads and however many images are asked for.
#pragma once
#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "data_tools/synth_shapes.hpp"

namespace ijepa::synth {

enum class Split : std::uint8_t { train = 0, test = 1 };

class Synth {
 public:
  /// Images of size x size pixels. An Error if there are fewer shapes than `classes`, fewer than
  /// two classes, or a size outside 16..1024.
  Synth(int classes, int size, std::uint64_t seed);

  /// Names by label.
  std::vector<std::string> class_names() const;
  /// Labels go round, so any run of images is balanced.
  int label(std::int64_t index) const { return static_cast<int>(index % classes_); }
  /// uint8 (size, size, 3), red first.
  cv::Mat draw(Split split, std::int64_t index) const;

 private:
  int classes_, size_;
  std::uint64_t seed_;
  std::vector<Shape> shapes_;
};

}  // namespace ijepa::synth
