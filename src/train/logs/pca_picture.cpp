#include "ijepa/train/logs/pca_picture.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/drawing/sheet.hpp"

namespace ijepa {
namespace {

constexpr int components = 3, side = 224;

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

Image pca_sheet(const std::vector<Image>& pictures, const std::vector<std::string>& names,
                const Matrix<float>& tokens, Grid grid) {
  const auto colours = pca_colours(tokens);
  Sheet sheet{.side = side,
              .title =
                  "Patches of one colour are alike to the network: three principal components "
                  "of their features are red, green and blue",
              .columns = {{"image"}, {"its patches"}}};
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    auto picture = fitted(pictures[i].view(), side);
    auto map = patch_map(colours, static_cast<std::int64_t>(i) * grid.tokens(), grid,
                         picture.height, picture.width);
    auto& cells = sheet.rows.emplace_back().cells;
    cells.push_back({std::move(picture)});
    cells.push_back({std::move(map)});
    if (!names.empty()) cells.front().words = {names.at(i)};
  }
  return drawn(sheet);
}

}  // namespace ijepa
