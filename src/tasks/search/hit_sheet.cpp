#include "hit_sheet.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "ijepa/drawing/sheet.hpp"

namespace ijepa {
namespace {

constexpr Rgb of_query{0, 0, 0};
constexpr std::array<Rgb, 3> of_match{{{160, 160, 160}, {30, 160, 60}, {210, 50, 40}}};

SheetCell cell_of(const NamedImage& image, const Rgb& colour) {
  return {image.picture, {image.class_name, image.key}, colour};
}

SheetCell cell_of(const ShownHit& hit) {
  auto cell = cell_of(hit.image, of_match.at(static_cast<std::size_t>(hit.match)));
  cell.words.push_back(fmt::format("{:.3f}  {:.1f} %", hit.similarity, 100 * hit.below));
  return cell;
}

}  // namespace

void write_hit_sheet(const std::vector<HitRow>& rows, const std::vector<std::string>& groups,
                     const std::string& path) {
  std::size_t hits = 0;
  for (const auto& row : rows)
    for (const auto& group : row.groups) hits = std::max(hits, group.size());
  Sheet sheet{
      .title =
          "Images and the nearest to each: class, key, cosine similarity, and how many "
          "random pairs of images are less alike",
      .columns = {{"image"}},
      .keys = {
          {of_match[1], "its class"}, {of_match[2], "another class"}, {of_match[0], "not known"}}};
  for (const auto& group : groups) {
    sheet.columns.push_back({"nearest by " + group, true});
    for (std::size_t h = 1; h < hits; ++h) sheet.columns.emplace_back();
  }
  for (const auto& row : rows) {
    auto& cells = sheet.rows.emplace_back().cells;
    cells.push_back(cell_of(row.query, of_query));
    for (const auto& group : row.groups) {
      for (const auto& hit : group) cells.push_back(cell_of(hit));
      cells.resize(cells.size() + hits - group.size());
    }
  }
  write_png(drawn(sheet), path);
}

}  // namespace ijepa
