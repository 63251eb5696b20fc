#include "ijepa/train/logs/pca_picture.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/data/canvas.hpp"

namespace ijepa {
namespace {

constexpr int components = 3, gap = 4, side = 224;

void spread(Matrix<float>& colours, std::int64_t component) {
  std::vector<float> sorted;
  for (std::int64_t t = 0; t < colours.rows; ++t)
    sorted.push_back(colours.row(t)[static_cast<std::size_t>(component)]);
  std::ranges::sort(sorted);
  const auto last = static_cast<double>(sorted.size() - 1);
  const float low = sorted[static_cast<std::size_t>(0.02 * last)];
  const float high = sorted[static_cast<std::size_t>(std::ceil(0.98 * last))];
  for (std::int64_t t = 0; t < colours.rows; ++t) {
    auto& value = colours.row(t)[static_cast<std::size_t>(component)];
    value = high > low ? std::clamp((value - low) / (high - low), 0.0F, 1.0F) : 0.5F;
  }
}

/// The patches of one picture as a picture of `height` x `width` pixels.
Image patch_map(const Matrix<float>& colours, std::int64_t first, Grid grid, int height,
                int width) {
  Image map = plain_image(height, width, 0, 0, 0);
  for (int y = 0; y < height; ++y)
    for (int x = 0; x < width; ++x) {
      const auto patch = y * grid.rows / height * grid.cols + x * grid.cols / width;
      const auto colour = colours.row(first + patch);
      for (std::size_t c = 0; c < components; ++c)
        map.rgb[static_cast<std::size_t>(y * width + x) * components + c] =
            static_cast<std::uint8_t>(std::lround(255 * colour[c]));
    }
  return map;
}

}  // namespace

Matrix<float> pca_colours(const Matrix<float>& tokens) {
  check(tokens.rows > components && tokens.cols >= components,
        "{} tokens of width {} have no three principal components.", tokens.rows, tokens.cols);
  auto copy = tokens;
  const cv::Mat data(static_cast<int>(tokens.rows), static_cast<int>(tokens.cols), CV_32F,
                     copy.values.data());
  cv::PCA pca(data, cv::noArray(), cv::PCA::DATA_AS_ROW, components);
  for (int c = 0; c < components; ++c) {
    auto* weights = pca.eigenvectors.ptr<float>(c);
    const auto* largest = std::max_element(
        weights, weights + tokens.cols, [](float a, float b) { return std::abs(a) < std::abs(b); });
    const float sign = *largest < 0 ? -1.0F : 1.0F;
    std::transform(weights, weights + tokens.cols, weights, [&](float w) { return sign * w; });
  }
  const cv::Mat projected = pca.project(data);
  Matrix<float> colours(tokens.rows, components);
  std::copy_n(projected.ptr<float>(), colours.values.size(), colours.values.begin());
  for (std::int64_t c = 0; c < components; ++c) spread(colours, c);
  return colours;
}

Image pca_sheet(const std::vector<Image>& pictures, const Matrix<float>& tokens, Grid grid) {
  const auto colours = pca_colours(tokens);
  const Image first = fitted(pictures.at(0).view(), side);
  const int height = first.height + gap, width = first.width + gap;
  Image sheet =
      plain_image(static_cast<int>(pictures.size()) * height + gap, 2 * width + gap, 255, 255, 255);
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    const int top = gap + static_cast<int>(i) * height;
    paste(fitted(pictures[i].view(), side), top, gap, sheet);
    paste(patch_map(colours, static_cast<std::int64_t>(i) * grid.tokens(), grid, first.height,
                    first.width),
          top, gap + width, sheet);
  }
  return sheet;
}

void write_pca_picture(const std::vector<Image>& pictures, const Matrix<float>& tokens, Grid grid,
                       const std::string& path) {
  write_png(pca_sheet(pictures, tokens, grid), path);
}

}  // namespace ijepa
