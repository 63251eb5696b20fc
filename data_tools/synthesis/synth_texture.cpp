#include "data_tools/synthesis/synth_texture.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numbers>
#include <opencv2/imgproc.hpp>

namespace ijepa::synth {
namespace {

constexpr double two_pi = 2 * std::numbers::pi;

/// How far each pixel is from the first colour (0) to the second (1): float32 (size, size).
template <class F>
cv::Mat field(int size, F value) {
  cv::Mat out(size, size, CV_32F);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x) out.at<float>(y, x) = static_cast<float>(value(x, y));
  return out;
}

struct Direction {
  double x, y;
};

Direction draw_direction(Rng& rng) {
  const double angle = rng.uniform(0, two_pi);
  return {std::cos(angle), std::sin(angle)};
}

/// A wave turned into bands with soft edges.
double band(double phase) {
  return std::clamp(0.5 + 1.5 * std::sin(phase), 0.0, 1.0);
}

cv::Mat plain(Rng& rng, int size) {
  return {size, size, CV_32F, cv::Scalar(rng.uniform())};
}

cv::Mat stripes(Rng& rng, int size) {
  const auto d = draw_direction(rng);
  const double frequency = two_pi * rng.uniform(3, 9) / size, phase = rng.uniform(0, two_pi);
  return field(size, [=](int x, int y) { return band(frequency * (d.x * x + d.y * y) + phase); });
}

cv::Mat checks(Rng& rng, int size) {
  const auto d = draw_direction(rng);
  const double frequency = two_pi * rng.uniform(2, 6) / size;
  const double phase_u = rng.uniform(0, two_pi), phase_v = rng.uniform(0, two_pi);
  return field(size, [=](int x, int y) {
    const double u = band(frequency * (d.x * x + d.y * y) + phase_u);
    const double v = band(frequency * (d.x * y - d.y * x) + phase_v);
    return u + v - 2 * u * v;
  });
}

cv::Mat gradient(Rng& rng, int size) {
  const auto d = draw_direction(rng);
  const double half = size / 2.0;
  return field(size, [=](int x, int y) {
    return std::clamp(0.5 + (d.x * (x - half) + d.y * (y - half)) / size, 0.0, 1.0);
  });
}

/// Random values on a coarse grid, interpolated.
cv::Mat clouds(Rng& rng, int size) {
  const auto cells = static_cast<int>(3 + rng.below(8));
  cv::Mat coarse(cells, cells, CV_32F), out;
  for (auto& v : cv::Mat_<float>(coarse)) v = static_cast<float>(rng.uniform(-0.2, 1.2));
  cv::resize(coarse, out, {size, size}, 0, 0, cv::INTER_CUBIC);
  return cv::min(cv::max(out, 0.0), 1.0);
}

cv::Mat spots(Rng& rng, int size) {
  cv::Mat out(size, size, CV_32F, cv::Scalar(0));
  const auto count = 8 + rng.below(16);
  for (std::uint64_t i = 0; i < count; ++i) {
    const double r = rng.uniform(0.02, 0.08) * size;
    constexpr double bits = 256;                         // sub-pixel positions, 8 fractional bits
    const cv::Point2d at{rng.uniform(), rng.uniform()};  // braces fix the order of draws
    const cv::Point centre(at * (size * bits));
    cv::circle(out, centre, static_cast<int>(r * bits), cv::Scalar(1), cv::FILLED, cv::LINE_8, 8);
  }
  cv::GaussianBlur(out, out, {3, 3}, 0);
  return out;
}

using Pattern = cv::Mat (*)(Rng&, int);
constexpr std::array<Pattern, 6> patterns{plain, stripes, checks, gradient, clouds, spots};

}  // namespace

ColourPair draw_colours(Rng& rng) {
  const auto colour = [&] {
    Colour c;
    for (int i = 0; i < 3; ++i) c[i] = static_cast<float>(rng.uniform());
    return c;
  };
  const auto first = colour();
  const auto other = colour();
  return {first, first + (other - first) * static_cast<float>(rng.uniform(0.3, 0.8))};
}

double contrast(const ColourPair& a, const ColourPair& b) {
  double least = std::numeric_limits<double>::max();
  for (const auto& p : a)
    for (const auto& q : b) least = std::min(least, cv::norm(p - q));
  return least;
}

cv::Mat paint_texture(Rng& rng, const ColourPair& colours, int size) {
  const cv::Mat blend = patterns[rng.below(patterns.size())](rng, size);
  cv::Mat out(size, size, CV_32FC3);
  for (int y = 0; y < size; ++y)
    for (int x = 0; x < size; ++x)
      out.at<Colour>(y, x) = colours[0] + (colours[1] - colours[0]) * blend.at<float>(y, x);
  return out;
}

}  // namespace ijepa::synth
