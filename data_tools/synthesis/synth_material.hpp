// Materials: patterns of two tones, one a class. What tells them apart is how their parts lie
// beside one another, over more than a patch; tones, angle, scale and place are drawn alike for
// all.
#pragma once
#include <functional>
#include <opencv2/core.hpp>
#include <string>
#include <vector>

#include "ijepa/core/rng.hpp"

namespace ijepa::synth {

/// How a pattern lies in the image: a point in pixels becomes a point in cells of the pattern.
struct Lattice {
  double cosine, sine;
  double pitch;        // pixels a cell
  cv::Point2d origin;  // in cells, far from 0 so that cells count from 0
  double size;         // of the image in pixels
  double edge;         // width of a soft edge in cells

  cv::Point2d at(double x, double y) const {
    return {(cosine * x + sine * y) / pitch + origin.x, (cosine * y - sine * x) / pitch + origin.y};
  }
};

/// Share of the second tone, 0..1, at a pixel.
using Pattern = std::function<double(double x, double y)>;

struct Material {
  std::string name;
  Pattern (*draw)(Rng&, const Lattice&);
};

/// All materials there are, in class order.
const std::vector<Material>& all_materials();

/// float32 (size, size, 3): the material at a random angle, scale and place, in two random greys
/// with a tint; either the lighter or the darker one is the ground.
cv::Mat paint_material(Rng& rng, const Material& material, int size);

}  // namespace ijepa::synth
