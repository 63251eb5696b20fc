// Synth: labelled images whose classes differ by material or by shape alone. Every image is a pure
// function of (kind, seed, split, index), whatever the threads and however many images are asked
// for.
#pragma once
#include <cstdint>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "data_tools/synthesis/synth_shapes.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa::synth {

/// materials: the image is filled by its class's pattern, before which small blobs lie; its parts
/// foretell one another, which a small network learns within minutes. shapes: a shape at any place,
/// of any size, angle, colour and texture, before any texture; minutes do not teach these.
enum class Kind : std::uint8_t { materials, shapes };
enum class Split : std::uint8_t { train = 0, test = 1 };

class Synth {
 public:
  /// Images of size x size pixels. An Error if there are fewer materials or shapes than `classes`,
  /// fewer than two classes, or a size outside 16..1024.
  Synth(Kind kind, int classes, int size, std::uint64_t seed);

  /// Names by label.
  std::vector<std::string> class_names() const;
  /// Labels go round, so any run of images is balanced.
  int label(std::int64_t index) const { return static_cast<int>(index % classes_); }
  /// uint8 (size, size, 3), red first.
  cv::Mat draw(Split split, std::int64_t index) const;

 private:
  cv::Mat draw_material(Rng& rng, std::size_t label) const;
  cv::Mat draw_shape(Rng& rng, std::size_t label) const;

  Kind kind_;
  int classes_, size_;
  std::uint64_t seed_;
  std::vector<Shape> shapes_;
};

}  // namespace ijepa::synth
