#include "ijepa/tasks/segmentation/overlay.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {

Image overlay(const ImageView& picture, const IndexImage& labels, const std::vector<Rgb>& palette,
              OverlayWeights weights) {
  check(picture.height == labels.height && picture.width == labels.width,
        "A picture of {} x {} pixels and labels of {} x {} do not go together.", picture.width,
        picture.height, labels.width, labels.height);
  Image out{picture.height, picture.width, {}};
  out.rgb.reserve(labels.index.size() * 3);
  for (int y = 0; y < picture.height; ++y) {
    const std::uint8_t* from = picture.rgb + y * picture.stride;
    for (int x = 0; x < picture.width; ++x) {
      const auto label = labels.index[static_cast<std::size_t>(y * labels.width + x)];
      const Rgb colour = label == ignored_label ? Rgb{} : palette.at(label);
      for (const auto c : colour)
        out.rgb.push_back(static_cast<std::uint8_t>(
            std::clamp(std::lround(weights.image * *from++ + weights.mask * c), 0L, 255L)));
    }
  }
  return out;
}

}  // namespace ijepa
