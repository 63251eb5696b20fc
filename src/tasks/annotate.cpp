#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "ijepa/data/canvas.hpp"
#include "ijepa/tasks/classify_infer.hpp"

namespace ijepa {

Image annotated(const ImageView& picture, const std::string& text) {
  constexpr int least = 224, line = 22;
  const int longest = std::max({picture.height, picture.width, least});
  Image out = fitted(picture, longest);
  cv::Mat canvas(out.height, out.width, CV_8UC3, out.rgb.data());
  int baseline = 0;
  double scale = longest / 450.0;
  const auto size = cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, scale, 1, &baseline);
  scale *= std::min(1.0, (out.width - 8.0) / std::max(size.width, 1));  // long names fit
  const int bar = std::min(out.height, std::max(line, longest / 12));
  cv::rectangle(canvas, {0, 0}, {out.width, bar}, {0, 0, 0}, cv::FILLED);
  cv::putText(canvas, text, {4, bar - std::max(5, bar / 3)}, cv::FONT_HERSHEY_SIMPLEX, scale,
              {255, 255, 255}, 1 + longest / 600, cv::LINE_AA);
  return out;
}

}  // namespace ijepa
