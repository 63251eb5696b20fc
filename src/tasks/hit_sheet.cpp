#include "hit_sheet.hpp"

#include <algorithm>
#include <array>

#include "ijepa/data/canvas.hpp"

namespace ijepa {
namespace {

constexpr int side = 96, frame = 4, gap = 4, cell = side + 2 * frame;

struct Colour {
  std::uint8_t red, green, blue;
};
constexpr Colour of_query{0, 0, 0};
constexpr std::array<Colour, 3> of_match{{{160, 160, 160}, {30, 160, 60}, {210, 50, 40}}};

Image framed(const Image& picture, const Colour& colour) {
  Image out = plain_image(cell, cell, colour.red, colour.green, colour.blue);
  paste(plain_image(side, side, 255, 255, 255), frame, frame, out);
  const Image small = fitted(picture.view(), side);
  paste(small, frame + (side - small.height) / 2, frame + (side - small.width) / 2, out);
  return out;
}

}  // namespace

void write_hit_sheet(const std::vector<HitRow>& rows, const std::string& path) {
  constexpr int apart = 3 * gap;  // of the query from its hits, and of groups of hits
  std::size_t hits = 0, groups = 0;
  for (const auto& row : rows) {
    groups = std::max(groups, row.groups.size());
    for (const auto& group : row.groups) hits = std::max(hits, group.hits.size());
  }
  const int group_width = static_cast<int>(hits) * (cell + gap) - gap + apart;
  Image sheet = plain_image(static_cast<int>(rows.size()) * (cell + gap) + gap,
                            cell + 2 * gap + static_cast<int>(groups) * group_width, 255, 255, 255);
  for (std::size_t r = 0; r < rows.size(); ++r) {
    const int top = gap + static_cast<int>(r) * (cell + gap);
    paste(framed(rows[r].query, of_query), top, gap, sheet);
    int left = gap + cell + apart;
    for (const auto& group : rows[r].groups) {
      for (std::size_t h = 0; h < group.hits.size(); ++h)
        paste(framed(group.hits[h], of_match.at(static_cast<std::size_t>(group.matches[h]))), top,
              left + static_cast<int>(h) * (cell + gap), sheet);
      left += group_width;
    }
  }
  write_png(sheet, path);
}

}  // namespace ijepa
