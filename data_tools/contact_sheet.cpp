#include <algorithm>

#include "data_tools/inspect.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/canvas.hpp"
#include "ijepa/data/shown.hpp"

namespace ijepa::tools {
namespace {

constexpr int gap = 2;  // white pixels between images

Image cell_of(const ShardSet& set, std::int64_t image, int side) {
  try {
    std::vector<std::uint8_t> encoded;
    set.read(image, encoded);
    return fitted(shown_as_stored(encoded).view(), side);
  } catch (const Error&) {
    return plain_image(side, side, 255, 0, 0);
  }
}

}  // namespace

void write_contact_sheet(const ShardSet& set, int columns, int rows, int cell,
                         const std::string& path) {
  check(set.size() > 0, "There are no images to show.");
  Image sheet = plain_image(rows * (cell + gap) + gap, columns * (cell + gap) + gap, 255, 255, 255);
  const std::int64_t cells = std::int64_t{rows} * columns;
  const std::int64_t shown = std::min(cells, set.size());
  for (std::int64_t i = 0; i < shown; ++i) {
    const Image picture = cell_of(set, i * set.size() / shown, cell);
    const auto row = static_cast<int>(i / columns), column = static_cast<int>(i % columns);
    paste(picture, gap + row * (cell + gap) + (cell - picture.height) / 2,
          gap + column * (cell + gap) + (cell - picture.width) / 2, sheet);
  }
  write_png(sheet, path);
}

}  // namespace ijepa::tools
