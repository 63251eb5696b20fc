#include "ijepa/tasks/segmentation/overlay.hpp"

#include <algorithm>
#include <cmath>

#include "ijepa/core/error.hpp"
#include "ijepa/data/canvas.hpp"

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

Image sheet_of(const std::vector<std::vector<Image>>& rows) {
  constexpr int gap = 4;
  const Image& first = rows.at(0).at(0);
  const int height = first.height + gap, width = first.width + gap;
  Image sheet = plain_image(static_cast<int>(rows.size()) * height + gap,
                            static_cast<int>(rows[0].size()) * width + gap, 255, 255, 255);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      paste(rows[r][c], gap + static_cast<int>(r) * height, gap + static_cast<int>(c) * width,
            sheet);
  return sheet;
}

}  // namespace ijepa
