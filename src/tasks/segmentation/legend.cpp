#include "legend.hpp"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/data/canvas.hpp"

namespace ijepa {
namespace {

constexpr int row = 18, margin = 6, box = 12, least_rows = 6;
constexpr double text_size = 0.4;

cv::Scalar scalar(const Rgb& c) {
  return {static_cast<double>(c[0]), static_cast<double>(c[1]), static_cast<double>(c[2])};
}

std::string line(const std::string& name, double share) {
  return fmt::format("{} {:.1f} %", name, share);
}

}  // namespace

Legend::Legend(const Labels& labels) : palette_(labels.palette()) {
  for (const auto& c : labels.classes) {
    names_.push_back(c.name);
    const auto size =
        cv::getTextSize(line(c.name, 100), cv::FONT_HERSHEY_SIMPLEX, text_size, 1, nullptr);
    column_ = std::max(column_, size.width + box + 2 * margin);
  }
}

Image Legend::beside(const Image& picture, const IndexImage& labels) const {
  std::vector<double> pixels(palette_.size());
  for (const auto label : labels.index)
    if (label < pixels.size()) ++pixels[label];
  const int classes = static_cast<int>(palette_.size());
  const int rows = std::max(least_rows, (picture.height - margin) / row);
  const int columns = (classes + rows - 1) / rows;
  const int height = std::max(picture.height, std::min(rows, classes) * row + margin);
  Image out = plain_image(height, picture.width + columns * column_ + margin, 255, 255, 255);
  paste(picture, 0, 0, out);
  cv::Mat canvas(out.height, out.width, CV_8UC3, out.rgb.data());
  for (int c = 0; c < classes; ++c) {
    const auto i = static_cast<std::size_t>(c);
    const cv::Point at(picture.width + margin + c / rows * column_, margin + c % rows * row);
    cv::rectangle(canvas, {at.x, at.y, box, box}, scalar(palette_[i]), cv::FILLED);
    cv::rectangle(canvas, {at.x, at.y, box, box}, {0, 0, 0});
    const double share = 100 * pixels[i] / static_cast<double>(labels.index.size());
    cv::putText(canvas, line(names_[i], share), {at.x + box + margin, at.y + box - 2},
                cv::FONT_HERSHEY_SIMPLEX, text_size, {0, 0, 0}, 1, cv::LINE_AA);
  }
  return out;
}

}  // namespace ijepa
