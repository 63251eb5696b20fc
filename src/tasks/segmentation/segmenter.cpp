#include "ijepa/tasks/segmentation/segmenter.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace ijepa {
namespace {

/// Windows that the network sees at once.
constexpr std::size_t windows_at_once = 4;

std::size_t pixels_of(Size size) {
  return static_cast<std::size_t>(size.height) * static_cast<std::size_t>(size.width);
}

void copy_rows(const ImageView& from, std::uint8_t* to) {
  const auto row = std::size_t{3} * static_cast<std::size_t>(from.width);
  for (int y = 0; y < from.height; ++y)
    std::memcpy(to + static_cast<std::size_t>(y) * row, from.rgb + y * from.stride, row);
}

/// The class with the highest sum of scores (pixels, C). The mean decides alike: all classes of a
/// pixel were seen equally often.
IndexImage highest(const std::vector<float>& sum, Size size, std::size_t classes) {
  IndexImage out{size.height, size.width, {}};
  out.index.reserve(pixels_of(size));
  for (std::size_t i = 0; i < pixels_of(size); ++i) {
    const auto own = std::span(sum).subspan(i * classes, classes);
    out.index.push_back(static_cast<std::uint8_t>(std::ranges::max_element(own) - own.begin()));
  }
  return out;
}

}  // namespace

std::vector<int> window_places(int side, int window, int stride) {
  std::vector<int> places;
  for (int at = 0; at + window < side; at += stride) places.push_back(at);
  places.push_back(side - window);
  return places;
}

IndexImage Segmenter::labels(const ImageView& picture) {
  return sliding_.enabled ? sliding(picture) : whole(picture);
}

IndexImage Segmenter::whole(const ImageView& picture) {
  auto& network = model_.network();
  const Size size = network.shape().image;
  std::vector<std::uint8_t> pixels(pixels_of(size) * 3);
  resizer_.resize(picture, size, pixels.data());
  return upsampled_classes(network.infer({pixels.data(), 1, size}), network.scores_grid(),
                           {picture.height, picture.width}, model_.threads());
}

std::vector<Box> Segmenter::windows_of(Size size) const {
  const Size window = model_.network().shape().image;
  const auto step = [&](int side) {
    return std::max(1, static_cast<int>(std::lround(side * sliding_.stride)));
  };
  std::vector<Box> boxes;
  for (const int top : window_places(size.height, window.height, step(window.height)))
    for (const int left : window_places(size.width, window.width, step(window.width)))
      boxes.push_back({top, left, window.height, window.width});
  return boxes;
}

IndexImage Segmenter::sliding(const ImageView& picture) {
  auto& network = model_.network();
  const Size window = network.shape().image, own{picture.height, picture.width};
  std::vector<std::uint8_t> enlarged;
  ImageView view = picture;
  if (own.height < window.height || own.width < window.width) {
    const Size size = covering_size(own, window);
    enlarged.resize(pixels_of(size) * 3);
    resizer_.resize(picture, size, enlarged.data());
    view = {enlarged.data(), size.height, size.width, std::ptrdiff_t{3} * size.width};
  }
  const auto boxes = windows_of({view.height, view.width});
  const auto classes = static_cast<std::size_t>(network.shape().classes);
  const auto row = static_cast<std::size_t>(view.width) * classes, bytes = pixels_of(window) * 3;
  std::vector<float> sum(static_cast<std::size_t>(view.height) * row);
  for (std::size_t first = 0; first < boxes.size(); first += windows_at_once) {
    const auto count = std::min(windows_at_once, boxes.size() - first);
    std::vector<std::uint8_t> pixels(count * bytes);
    for (std::size_t i = 0; i < count; ++i)
      copy_rows(view.part(boxes[first + i]), pixels.data() + i * bytes);
    const auto low = network.infer({pixels.data(), static_cast<std::int64_t>(count), window});
    const auto each = low.size() / count;
    for (std::size_t i = 0; i < count; ++i) {
      const auto& box = boxes[first + i];
      add_upsampled(std::span(low).subspan(i * each, each), network.scores_grid(), window,
                    sum.data() + static_cast<std::size_t>(box.top) * row +
                        static_cast<std::size_t>(box.left) * classes,
                    row);
    }
  }
  return resize_labels(highest(sum, {view.height, view.width}, classes), own);
}

}  // namespace ijepa
