#include "data_tools/synthesis/synth_shapes.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace ijepa::synth {
namespace {

using Contour = std::vector<cv::Point2d>;
constexpr double two_pi = 2 * std::numbers::pi;

cv::Point2d polar(double radius, double angle) {
  return {radius * std::cos(angle), radius * std::sin(angle)};
}

/// Points of a circle's arc from angle `from` to `to`, both ends included.
Contour arc(double radius, double from, double to, cv::Point2d centre = {}, int points = 48) {
  Contour out;
  for (int i = 0; i < points; ++i)
    out.push_back(centre + polar(radius, from + (to - from) * i / (points - 1)));
  return out;
}

/// Corners at equal angles, their distances taken in turn from `radii`.
Contour corners(int count, std::vector<double> radii) {
  Contour out;
  for (int i = 0; i < count; ++i)
    out.push_back(polar(radii[static_cast<std::size_t>(i) % radii.size()], two_pi * i / count));
  return out;
}

Contour crescent() {
  auto out = arc(1, 0.3 * std::numbers::pi, 1.7 * std::numbers::pi);
  const auto tip = polar(1, 0.3 * std::numbers::pi);  // the inner circle goes through both tips
  const double offset = 0.95, inner = std::hypot(tip.x - offset, tip.y);
  const double open = std::atan2(tip.y, tip.x - offset);
  const auto back = arc(inner, two_pi - open, open, {offset, 0});
  out.insert(out.end(), back.begin(), back.end());
  return out;
}

/// Signed area and first moments by the shoelace formula.
struct Moments {
  double area = 0, x = 0, y = 0;
};

Moments moments(const Contour& c) {
  Moments m;
  for (std::size_t i = 0; i < c.size(); ++i) {
    const auto& p = c[i];
    const auto& q = c[(i + 1) % c.size()];
    const double cross = p.cross(q);
    m.area += cross / 2;
    m.x += (p.x + q.x) * cross / 6;
    m.y += (p.y + q.y) * cross / 6;
  }
  return m;
}

/// Moves the centroid to the origin and scales the area to 1. The first contour is the outer one,
/// the others are holes.
Shape normalised(std::string name, std::vector<Contour> contours) {
  Moments sum;
  for (std::size_t i = 0; i < contours.size(); ++i) {
    const auto m = moments(contours[i]);
    const double sign = ((m.area > 0) == (i == 0)) ? 1 : -1;  // outer counts +, holes count -
    sum.area += sign * m.area;
    sum.x += sign * m.x;
    sum.y += sign * m.y;
  }
  const cv::Point2d centroid(sum.x / sum.area, sum.y / sum.area);
  const double factor = 1 / std::sqrt(sum.area);
  for (auto& contour : contours)
    for (auto& p : contour) p = (p - centroid) * factor;
  return {std::move(name), std::move(contours)};
}

}  // namespace

std::vector<Shape> all_shapes() {
  return {
      normalised("disc", {arc(1, 0, two_pi)}),
      normalised("ring", {arc(1, 0, two_pi), arc(0.55, 0, two_pi)}),
      normalised("triangle", {corners(3, {1})}),
      normalised("square", {corners(4, {1})}),
      normalised("star", {corners(10, {1, 0.42})}),
      normalised("cross", {{{-1, -3},
                            {1, -3},
                            {1, -1},
                            {3, -1},
                            {3, 1},
                            {1, 1},
                            {1, 3},
                            {-1, 3},
                            {-1, 1},
                            {-3, 1},
                            {-3, -1},
                            {-1, -1}}}),
      normalised("crescent", {crescent()}),
      normalised(
          "arrow",
          {{{-3, -0.8}, {0.4, -0.8}, {0.4, -2.2}, {3, 0}, {0.4, 2.2}, {0.4, 0.8}, {-3, 0.8}}}),
      normalised("ell", {{{-2, -3}, {-0.4, -3}, {-0.4, 1.4}, {2.2, 1.4}, {2.2, 3}, {-2, 3}}}),
      normalised("ess", {{{-3, 0.2},
                          {-0.9, 0.2},
                          {-0.9, -1.8},
                          {3, -1.8},
                          {3, -0.2},
                          {0.9, -0.2},
                          {0.9, 1.8},
                          {-3, 1.8}}}),
      normalised("tee", {{{-3, -2.4},
                          {3, -2.4},
                          {3, -0.8},
                          {0.8, -0.8},
                          {0.8, 2.8},
                          {-0.8, 2.8},
                          {-0.8, -0.8},
                          {-3, -0.8}}}),
      normalised("frame", {corners(4, {1}), corners(4, {0.55})}),
      normalised("half_disc", {arc(1, 0, std::numbers::pi)}),
      normalised("bar", {{{-3, -0.8}, {3, -0.8}, {3, 0.8}, {-3, 0.8}}}),
      normalised("cup", {{{-2, -2.2},
                          {-0.7, -2.2},
                          {-0.7, 1},
                          {0.7, 1},
                          {0.7, -2.2},
                          {2, -2.2},
                          {2, 2.2},
                          {-2, 2.2}}}),
      normalised("hourglass", {{{-2, -2.4}, {2, -2.4}, {0.4, 0}, {2, 2.4}, {-2, 2.4}, {-0.4, 0}}}),
  };
}

double radius(const Shape& shape) {
  double farthest = 0;
  for (const auto& contour : shape.contours)
    for (const auto& p : contour) farthest = std::max(farthest, std::hypot(p.x, p.y));
  return farthest;
}

cv::Mat rasterise(const Shape& shape, const Placement& placement, int size) {
  constexpr int oversampling = 4, fraction_bits = 8;
  const double c = std::cos(placement.angle), s = std::sin(placement.angle);
  std::vector<std::vector<cv::Point>> polygons;
  for (const auto& contour : shape.contours) {
    auto& polygon = polygons.emplace_back();
    for (const auto& p : contour) {
      const cv::Point2d at =
          placement.centre + placement.scale * cv::Point2d(c * p.x - s * p.y, s * p.x + c * p.y);
      // A pixel's centre is at +0.5, OpenCV's at 0.
      polygon.emplace_back((at * oversampling - cv::Point2d(0.5, 0.5)) * (1 << fraction_bits));
    }
  }
  cv::Mat fine(size * oversampling, size * oversampling, CV_8U, cv::Scalar(0)), coverage;
  cv::fillPoly(fine, polygons, cv::Scalar(255), cv::LINE_8, fraction_bits);
  cv::resize(fine, fine, {size, size}, 0, 0, cv::INTER_AREA);
  fine.convertTo(coverage, CV_32F, 1.0 / 255);
  return coverage;
}

}  // namespace ijepa::synth
