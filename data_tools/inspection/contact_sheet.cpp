#include <algorithm>

#include "data_tools/inspection/inspect.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/data/images/shown.hpp"
#include "ijepa/drawing/sheet.hpp"

namespace ijepa::tools {
namespace {

constexpr Rgb red{255, 0, 0};

/// `keys` tells what red means once it is there.
SheetCell cell_of(const ShardSet& set, std::int64_t image, int side, std::vector<SheetKey>& keys) {
  SheetCell cell;
  try {
    std::vector<std::uint8_t> encoded;
    set.read(image, encoded);
    cell.picture = fitted(shown_as_stored(encoded).view(), side);
  } catch (const Error&) {
    cell.picture = plain_image(side, side, red[0], red[1], red[2]);
    keys = {{red, "cannot be read"}};
  }
  const auto& classes = set.class_names();
  const auto label = set.label(image);
  if (label >= 0 && label < std::ssize(classes))
    cell.words = {classes[static_cast<std::size_t>(label)]};
  return cell;
}

}  // namespace

void write_contact_sheet(const ShardSet& set, int columns, int rows, int side,
                         const std::string& path) {
  check(set.size() > 0, "There are no images to show.");
  const auto shown = std::min(std::int64_t{rows} * columns, set.size());
  Sheet sheet{.side = side, .title = fmt::format("{} of {} images", shown, set.size())};
  sheet.columns.resize(static_cast<std::size_t>(std::min(std::int64_t{columns}, shown)));
  for (std::int64_t i = 0; i < shown; ++i) {
    if (i % columns == 0) sheet.rows.emplace_back();
    sheet.rows.back().cells.push_back(cell_of(set, i * set.size() / shown, side, sheet.keys));
  }
  write_png(drawn(sheet), path);
}

}  // namespace ijepa::tools
