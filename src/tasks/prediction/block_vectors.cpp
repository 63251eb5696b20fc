#include "ijepa/tasks/prediction/block_vectors.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

void scale_to_length_1(std::span<const double> sum, std::span<float> out) {
  const double square = std::inner_product(sum.begin(), sum.end(), sum.begin(), 0.0);
  const double factor = square > 0 ? 1 / std::sqrt(square) : 0;
  std::ranges::transform(sum, out.begin(),
                         [factor](double v) { return static_cast<float>(factor * v); });
}

}  // namespace

std::int64_t position_of_block(Grid grid, const BlockSize& block, std::int64_t patch) {
  return patch / grid.cols * block_positions(grid, block).cols + patch % grid.cols;
}

Box box_of_block(Grid grid, const BlockSize& block, std::int64_t side, std::int64_t position) {
  const auto cols = block_positions(grid, block).cols;
  const auto in_pixels = [side](std::int64_t patches) { return static_cast<int>(patches * side); };
  return {in_pixels(position / cols), in_pixels(position % cols), in_pixels(block.rows),
          in_pixels(block.cols)};
}

void add_normalised(std::span<const float> token, std::span<double> sum) {
  constexpr double epsilon = 1e-5;
  const auto count = static_cast<double>(token.size());
  const double mean = std::accumulate(token.begin(), token.end(), 0.0) / count;
  double variance = 0;
  for (const float v : token) variance += (v - mean) * (v - mean) / count;
  const double factor = 1 / std::sqrt(variance + epsilon);
  for (std::size_t d = 0; d < token.size(); ++d) sum[d] += factor * (token[d] - mean);
}

Grid block_positions(Grid grid, const BlockSize& block) {
  check(block.rows > 0 && block.cols > 0 && block.rows <= grid.rows && block.cols <= grid.cols,
        "A block of {} x {} patches does not fit into the grid of {} x {}.", block.rows, block.cols,
        grid.rows, grid.cols);
  return {grid.rows - block.rows + 1, grid.cols - block.cols + 1};
}

// sums(y, x): over all tokens above and left of (y, x), so that a block is four of them.
Matrix<float> block_vectors(MatrixView<const float> tokens, Grid grid, const BlockSize& block) {
  const auto places = block_positions(grid, block);
  const auto width = static_cast<std::size_t>(tokens.cols);
  const auto stride = grid.cols + 1;
  Matrix<double> sums((grid.rows + 1) * stride, tokens.cols);
  for (std::int64_t y = 0; y < grid.rows; ++y)
    for (std::int64_t x = 0; x < grid.cols; ++x) {
      const auto sum = sums.row((y + 1) * stride + x + 1);
      const auto above = sums.row(y * stride + x + 1), left = sums.row((y + 1) * stride + x),
                 corner = sums.row(y * stride + x);
      for (std::size_t d = 0; d < width; ++d) sum[d] = above[d] + left[d] - corner[d];
      add_normalised(tokens.row(y * grid.cols + x), sum);
    }
  Matrix<float> vectors(places.tokens(), tokens.cols);
  std::vector<double> inside(width);
  for (std::int64_t y = 0; y < places.rows; ++y)
    for (std::int64_t x = 0; x < places.cols; ++x) {
      const auto a = sums.row(y * stride + x), b = sums.row(y * stride + x + block.cols),
                 c = sums.row((y + block.rows) * stride + x),
                 d = sums.row((y + block.rows) * stride + x + block.cols);
      for (std::size_t i = 0; i < width; ++i) inside[i] = d[i] - b[i] - c[i] + a[i];
      scale_to_length_1(inside, vectors.row(y * places.cols + x));
    }
  return vectors;
}

std::vector<float> pooled_direction(MatrixView<const float> rows) {
  std::vector<double> sum(static_cast<std::size_t>(rows.cols));
  for (std::int64_t i = 0; i < rows.rows; ++i)
    std::ranges::transform(sum, rows.row(i), sum.begin(), std::plus<>());
  std::vector<float> direction(sum.size());
  scale_to_length_1(sum, direction);
  return direction;
}

}  // namespace ijepa
