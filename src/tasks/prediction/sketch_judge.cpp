#include "sketch_judge.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/tasks/prediction/block_conditions.hpp"

namespace ijepa {

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

}  // namespace ijepa
