#include "ijepa/tasks/segmentation/augment_pair.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <opencv2/imgproc.hpp>

namespace ijepa {
namespace {

cv::Mat as_mat(Image& image) {
  return {image.height, image.width, CV_8UC3, image.rgb.data()};
}

cv::Mat as_mat(IndexImage& labels) {
  return {labels.height, labels.width, CV_8UC1, labels.index.data()};
}

void flip(cv::Mat m) {
  cv::flip(m, m, 1);
}

void light(const PairDraw& draw, Image& image) {
  std::array<std::uint8_t, 256> table{};
  for (std::size_t v = 0; v < table.size(); ++v) {
    const double value = static_cast<double>(v) * (1 + draw.contrast) + 255 * draw.brightness;
    table[v] = static_cast<std::uint8_t>(std::clamp(std::lround(value), 0L, 255L));
  }
  std::ranges::transform(image.rgb, image.rgb.begin(), [&](std::uint8_t v) { return table[v]; });
}

void rotate(double degrees, int interpolation, cv::Mat m) {
  const cv::Point2f centre(static_cast<float>(m.cols - 1) / 2, static_cast<float>(m.rows - 1) / 2);
  cv::warpAffine(m.clone(), m, cv::getRotationMatrix2D(centre, degrees, 1), m.size(), interpolation,
                 cv::BORDER_REFLECT_101);
}

}  // namespace

PairDraw PairDraw::draw(Rng& rng) {
  // Every number is drawn, used or not: a draw does not depend on the ones before it.
  const bool flip = rng.uniform() < 0.5, light = rng.uniform() < 0.2, turn = rng.uniform() < 0.5;
  const double contrast = rng.uniform(-0.2, 0.2), brightness = rng.uniform(-0.2, 0.2);
  const double degrees = rng.uniform(-25, 25);
  return {flip, light ? contrast : 0, light ? brightness : 0, turn ? degrees : 0};
}

void augment(const PairDraw& draw, LabelledImage& pair) {
  if (draw.flip) {
    flip(as_mat(pair.image));
    flip(as_mat(pair.labels));
  }
  if (draw.contrast != 0 || draw.brightness != 0) light(draw, pair.image);
  if (draw.degrees == 0) return;
  rotate(draw.degrees, cv::INTER_LINEAR, as_mat(pair.image));
  rotate(draw.degrees, cv::INTER_NEAREST, as_mat(pair.labels));
}

}  // namespace ijepa
