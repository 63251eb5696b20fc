#include "legend.hpp"

#include <algorithm>

#include "ijepa/core/error.hpp"
#include "ijepa/drawing/lettering.hpp"

namespace ijepa {
namespace {

constexpr int row = 18, margin = 6, box = 12, least_rows = 6;

std::string line(const std::string& name, double share) {
  return fmt::format("{} {:.1f} %", name, share);
}

}  // namespace

Legend::Legend(const Labels& labels) : palette_(labels.palette()) {
  for (const auto& c : labels.classes) {
    names_.push_back(c.name);
    column_ = std::max(column_, text_width(line(c.name, 100)) + box + 2 * margin);
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
  for (int c = 0; c < classes; ++c) {
    const auto i = static_cast<std::size_t>(c);
    const int left = picture.width + margin + c / rows * column_, top = margin + c % rows * row;
    fill(out, {top, left, box + 1, box + 1}, {0, 0, 0});
    fill(out, {top + 1, left + 1, box - 1, box - 1}, palette_[i]);
    const double share = 100 * pixels[i] / static_cast<double>(labels.index.size());
    write_text(out, line(names_[i], share), left + box + margin, top + box - 2,
               {.colour = {0, 0, 0}});
  }
  return out;
}

}  // namespace ijepa
