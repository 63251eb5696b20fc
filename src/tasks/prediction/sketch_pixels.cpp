#include "sketch_pixels.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/data/images/canvas.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"

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

Matrix<float> SketchJudge::encode(const Samples& blocks) {
  std::vector<std::uint8_t> rgb;
  for (const auto& levels : blocks) {
    const Image canvas = on_canvas(levels, shape_);
    rgb.insert(rgb.end(), canvas.rgb.begin(), canvas.rgb.end());
  }
  const auto patches = patches_of_block(shape_.grid, shape_.block(), canvas_position(shape_));
  const auto tokens = model_.targets(rgb, std::ssize(blocks));
  const auto each = shape_.grid.tokens();
  Matrix<float> out(std::ssize(blocks), model_.width());
  for (std::int64_t i = 0; i < out.rows; ++i)
    std::ranges::copy(model_.mean_target(tokens.view().slice(i * each, each), patches),
                      out.row(i).begin());
  return out;
}

std::vector<float> SketchJudge::direction(std::span<const float> vector) const {
  std::vector<float> out(vector.size());
  double square = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<float>(static_cast<double>(vector[i]) - mean_[i]);
    square += static_cast<double>(out[i]) * static_cast<double>(out[i]);
  }
  const auto factor = static_cast<float>(square > 0 ? 1 / std::sqrt(square) : 0);
  for (float& v : out) v *= factor;
  return out;
}

void SketchJudge::set_truths(Matrix<float> truths) {
  truths_ = std::move(truths);
  mean_.assign(static_cast<std::size_t>(truths_.cols), 0);
  for (std::int64_t q = 0; q < truths_.rows; ++q)
    for (std::size_t d = 0; d < mean_.size(); ++d)
      mean_[d] += static_cast<double>(truths_.row(q)[d]) / static_cast<double>(truths_.rows);
  for (std::int64_t q = 0; q < truths_.rows; ++q)
    std::ranges::copy(direction(truths_.row(q)), truths_.row(q).begin());
}

SketchFigures SketchJudge::judge(std::int64_t own, const Samples& samples,
                                 std::span<const double> truth) {
  Samples inside;
  for (const auto& sample : samples) inside.push_back(inside_block(sample, shape_));
  SketchFigures f;
  f.error = root_mean_square(mean_of(inside), truth);
  const auto deviation = deviation_of(inside);
  f.deviation = std::accumulate(deviation.begin(), deviation.end(), 0.0) /
                static_cast<double>(deviation.size());
  const auto vectors = encode(inside);
  const auto share = 1 / static_cast<double>(vectors.rows);
  for (std::int64_t i = 0; i < vectors.rows; ++i) {
    const auto sample = direction(vectors.row(i));
    const auto similarity = [&](std::int64_t q) {
      return std::inner_product(sample.begin(), sample.end(), truths_.row(q).begin(), 0.0);
    };
    const double to_own = similarity(own);
    std::int64_t before = 0;
    for (std::int64_t q = 0; q < truths_.rows; ++q)
      before += q != own && similarity(q) > to_own ? 1 : 0;
    f.rank += share * static_cast<double>(1 + before);
    f.at1 += before < 1 ? share : 0;
    f.at5 += before < 5 ? share : 0;
  }
  return f;
}

std::vector<float> sample_blocks(DecoderNetwork& network, MatrixView<const float> condition,
                                 std::span<const std::uint8_t> told, std::vector<float> noise,
                                 const HeunSettings& heun) {
  const bool guided = heun.guidance != 1 && std::ranges::count(told, 0) < std::ssize(told);
  // With guidance all crops once more, without s.
  Matrix<float> both(2 * condition.rows, condition.cols);
  std::copy_n(condition.data, condition.size(), both.values.begin());
  std::vector<std::uint8_t> told_both(told.begin(), told.end());
  told_both.resize(2 * told.size(), 0);
  return integrate_flow(std::move(noise), heun.steps, [&](const std::vector<float>& z, double t) {
    if (!guided) return network.guess(z, t, condition, told);
    auto twice = z;
    twice.insert(twice.end(), z.begin(), z.end());
    auto f = network.guess(twice, t, both.view(), told_both);
    for (std::size_t i = 0; i < z.size(); ++i) {
      const double free = f[z.size() + i];
      f[i] = static_cast<float>(free + heun.guidance * (static_cast<double>(f[i]) - free));
    }
    f.resize(z.size());
    return f;
  });
}

std::vector<float> shared_noise(const DecoderShape& shape, std::uint64_t seed, std::int64_t samples,
                                std::int64_t times) {
  const auto crop = static_cast<std::size_t>(shape.model.crop_size());
  std::vector<float> once(static_cast<std::size_t>(samples) * crop), noise;
  for (std::int64_t i = 0; i < samples; ++i)
    draw_noise(seed, i, std::span(once).subspan(static_cast<std::size_t>(i) * crop, crop));
  for (std::int64_t k = 0; k < times; ++k) noise.insert(noise.end(), once.begin(), once.end());
  return noise;
}

}  // namespace ijepa
