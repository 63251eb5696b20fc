// Shapes: closed outlines of equal area, one a class. Equal areas keep the share of foreground
// pixels, and with it colour statistics, independent of the class.
#pragma once
#include <opencv2/core.hpp>
#include <string>
#include <vector>

namespace ijepa::synth {

struct Shape {
  std::string name;
  /// Contours around the centroid, filled by the even-odd rule; their area is 1.
  std::vector<std::vector<cv::Point2d>> contours;
};

/// All shapes there are, in class order.
std::vector<Shape> all_shapes();

struct Placement {
  cv::Point2d centre;  // pixels
  double scale = 1;    // pixels a unit: the area in pixels is scale^2
  double angle = 0;    // radians
};

/// Coverage of every pixel, 0..1, float32 (size, size), antialiased.
cv::Mat rasterise(const Shape& shape, const Placement& placement, int size);

/// Distance of the outline's farthest point from the centre, in units of scale.
double radius(const Shape& shape);

}  // namespace ijepa::synth
