#include "sketch_pixels.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/data/canvas.hpp"
#include "ijepa/tasks/prediction/block_vectors.hpp"

namespace ijepa {
namespace {

Image picture_of(std::span<const double> levels, int height, int width) {
  Image out{height, width, {}};
  for (const double v : levels)
    out.rgb.push_back(static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0, 255.0))));
  return out;
}

int in_pixels(std::int64_t patches, const DecoderShape& shape) {
  return static_cast<int>(patches * shape.model.patch);
}

}  // namespace

std::vector<double> levels_of(std::span<const float> crop, const DecoderShape& shape) {
  const auto& m = shape.model;
  const auto width = m.crop.cols * m.patch;
  std::vector<double> levels(crop.size());
  std::size_t at = 0;
  for (std::int64_t token = 0; token < m.tokens(); ++token)
    for (std::size_t c = 0; c < 3; ++c)
      for (std::int64_t v = 0; v < m.patch; ++v)
        for (std::int64_t u = 0; u < m.patch; ++u) {
          const auto y = token / m.crop.cols * m.patch + v, x = token % m.crop.cols * m.patch + u;
          const double value = static_cast<double>(crop[at++]) * shape.normalisation.std[c] +
                               shape.normalisation.mean[c];
          levels[static_cast<std::size_t>(y * width + x) * 3 + c] =
              std::clamp(255 * value, 0.0, 255.0);
        }
  return levels;
}

std::vector<double> inside_block(std::span<const double> levels, const DecoderShape& shape) {
  const auto patch = shape.model.patch, width = shape.model.crop.cols * patch;
  const auto rows = shape.block().rows * patch, cols = shape.block().cols * patch;
  std::vector<double> inside;
  for (std::int64_t y = patch; y < patch + rows; ++y) {
    const auto row = levels.subspan(static_cast<std::size_t>((y * width + patch) * 3),
                                    static_cast<std::size_t>(cols * 3));
    inside.insert(inside.end(), row.begin(), row.end());
  }
  return inside;
}

Image crop_picture(std::span<const double> levels, const DecoderShape& shape) {
  return picture_of(levels, in_pixels(shape.model.crop.rows, shape),
                    in_pixels(shape.model.crop.cols, shape));
}

std::int32_t canvas_position(const DecoderShape& shape) {
  const auto places = block_positions(shape.grid, shape.block());
  return static_cast<std::int32_t>((places.rows / 2) * places.cols + places.cols / 2);
}

Image on_canvas(std::span<const double> block_levels, const DecoderShape& shape) {
  const auto mean = mean_colour(shape.normalisation);
  Image canvas = plain_image(in_pixels(shape.grid.rows, shape), in_pixels(shape.grid.cols, shape),
                             mean[0], mean[1], mean[2]);
  const auto cols = block_positions(shape.grid, shape.block()).cols;
  const auto at = canvas_position(shape);
  paste(picture_of(block_levels, in_pixels(shape.block().rows, shape),
                   in_pixels(shape.block().cols, shape)),
        in_pixels(at / cols, shape), in_pixels(at % cols, shape), canvas);
  return canvas;
}

std::vector<double> mean_of(const Samples& samples) {
  std::vector<double> mean(samples.at(0).size());
  for (const auto& sample : samples)
    for (std::size_t i = 0; i < mean.size(); ++i)
      mean[i] += sample[i] / static_cast<double>(samples.size());
  return mean;
}

std::vector<double> deviation_of(const Samples& samples) {
  const auto mean = mean_of(samples);
  std::vector<double> deviation(mean.size());
  if (samples.size() < 2) return deviation;
  for (const auto& sample : samples)
    for (std::size_t i = 0; i < mean.size(); ++i)
      deviation[i] +=
          (sample[i] - mean[i]) * (sample[i] - mean[i]) / static_cast<double>(samples.size() - 1);
  for (double& v : deviation) v = std::sqrt(v);
  return deviation;
}

std::vector<double> grey_of(std::vector<double> levels) {
  for (std::size_t i = 0; i + 2 < levels.size(); i += 3)
    levels[i] = levels[i + 1] = levels[i + 2] = (levels[i] + levels[i + 1] + levels[i + 2]) / 3;
  return levels;
}

double root_mean_square(std::span<const double> a, std::span<const double> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

}  // namespace ijepa
