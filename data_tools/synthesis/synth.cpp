#include "data_tools/synthesis/synth.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "data_tools/synthesis/synth_material.hpp"
#include "data_tools/synthesis/synth_texture.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa::synth {
namespace {

constexpr double two_pi = 2 * std::numbers::pi;

/// canvas = paint where the coverage is 1, blended at the border.
void blend(const cv::Mat& paint, const cv::Mat& coverage, cv::Mat& canvas) {
  for (int y = 0; y < canvas.rows; ++y)
    for (int x = 0; x < canvas.cols; ++x) {
      auto& pixel = canvas.at<Colour>(y, x);
      pixel += (paint.at<Colour>(y, x) - pixel) * coverage.at<float>(y, x);
    }
}

/// An irregular star-shaped outline: round blobs, no class of their own.
Shape draw_blob(Rng& rng) {
  Shape blob{"blob", {{}}};
  const double ripple = rng.uniform(0, 0.25), phase = rng.uniform(0, two_pi);
  const auto lobes = static_cast<double>(2 + rng.below(3));
  for (int i = 0; i < 24; ++i) {
    const double angle = two_pi * i / 24, r = 1 + ripple * std::cos(lobes * angle + phase);
    blob.contours[0].emplace_back(r * std::cos(angle), r * std::sin(angle));
  }
  return blob;
}

/// Colours that can be told from `background` along the whole border.
ColourPair draw_visible_colours(Rng& rng, const ColourPair& background) {
  constexpr double enough = 0.35;  // of a cube's diagonal of 1.73
  ColourPair best = draw_colours(rng);
  for (int tries = 0; tries < 50 && contrast(best, background) < enough; ++tries) {
    const auto next = draw_colours(rng);
    if (contrast(next, background) > contrast(best, background)) best = next;
  }
  return best;
}

void draw_distractors(Rng& rng, int size, cv::Mat& canvas) {
  const auto count = rng.below(4);
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto blob = draw_blob(rng);
    const cv::Point2d centre{rng.uniform(0, size), rng.uniform(0, size)};
    const double scale = rng.uniform(0.03, 0.07) * size;
    const auto coverage = rasterise(blob, {centre, scale, 0}, size);
    blend(paint_texture(rng, draw_colours(rng), size), coverage, canvas);
  }
}

/// Any size and angle; wholly inside the image.
Placement draw_placement(Rng& rng, const Shape& shape, int size) {
  Placement at;
  at.scale = rng.uniform(0.34, 0.5) * size;
  at.angle = rng.uniform(0, two_pi);
  const double reach = std::min(radius(shape) * at.scale, size / 2.0);
  at.centre = {rng.uniform(reach, size - reach), rng.uniform(reach, size - reach)};
  return at;
}

/// Light from one side, of any strength and colourless.
void light(Rng& rng, cv::Mat& canvas) {
  const double angle = rng.uniform(0, two_pi), slope = rng.uniform(0, 0.5) / canvas.rows;
  const double level = rng.uniform(0.75, 1.1), half = canvas.rows / 2.0;
  for (int y = 0; y < canvas.rows; ++y)
    for (int x = 0; x < canvas.cols; ++x) {
      const double across = std::cos(angle) * (x - half) + std::sin(angle) * (y - half);
      canvas.at<Colour>(y, x) *= static_cast<float>(level * (1 + slope * across));
    }
}

/// To bytes, with sensor-like noise of a strength that differs from image to image.
cv::Mat finished(Rng& rng, const cv::Mat& canvas) {
  const double strength = rng.uniform(0, 0.04);
  cv::Mat out(canvas.size(), CV_8UC3);
  for (int y = 0; y < canvas.rows; ++y)
    for (int x = 0; x < canvas.cols; ++x)
      for (int c = 0; c < 3; ++c) {
        const double noise =
            strength * (rng.uniform() + rng.uniform() - 1) * 2.45;  // std: strength
        out.at<cv::Vec3b>(y, x)[c] =
            cv::saturate_cast<std::uint8_t>(255 * (canvas.at<Colour>(y, x)[c] + noise));
      }
  return out;
}

}  // namespace

Synth::Synth(Kind kind, int classes, int size, std::uint64_t seed)
    : kind_(kind), classes_(classes), size_(size), seed_(seed), shapes_(all_shapes()) {
  const bool materials = kind == Kind::materials;
  const auto most = materials ? all_materials().size() : shapes_.size();
  check(classes >= 2 && classes <= static_cast<int>(most),
        "{} classes were asked for; there are {} for 2 to {}.", classes,
        materials ? "materials" : "shapes", most);
  check(size >= 16 && size <= 1024, "An image size of {} pixels was asked for; 16 to 1024 work.",
        size);
}

std::vector<std::string> Synth::class_names() const {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < static_cast<std::size_t>(classes_); ++i)
    names.push_back(kind_ == Kind::materials ? all_materials()[i].name : shapes_[i].name);
  return names;
}

cv::Mat Synth::draw_material(Rng& rng, std::size_t label) const {
  cv::Mat canvas = paint_material(rng, all_materials()[label], size_);
  draw_distractors(rng, size_, canvas);
  light(rng, canvas);
  return canvas;
}

cv::Mat Synth::draw_shape(Rng& rng, std::size_t label) const {
  const auto& shape = shapes_[label];
  const auto background = draw_colours(rng);
  cv::Mat canvas = paint_texture(rng, background, size_);
  draw_distractors(rng, size_, canvas);
  const auto coverage = rasterise(shape, draw_placement(rng, shape, size_), size_);
  blend(paint_texture(rng, draw_visible_colours(rng, background), size_), coverage, canvas);
  return canvas;
}

cv::Mat Synth::draw(Split split, std::int64_t index) const {
  Rng rng(seed_, Purpose::synthetic, static_cast<std::uint64_t>(split),
          static_cast<std::uint64_t>(index));
  const auto label = static_cast<std::size_t>(this->label(index));
  return finished(rng,
                  kind_ == Kind::materials ? draw_material(rng, label) : draw_shape(rng, label));
}

}  // namespace ijepa::synth
