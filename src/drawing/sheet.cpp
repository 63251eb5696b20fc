#include "ijepa/drawing/sheet.hpp"

#include <algorithm>

#include "ijepa/core/error.hpp"
#include "ijepa/drawing/lettering.hpp"

namespace ijepa {
namespace {

using Lines = std::vector<std::string>;

Image sized(const Image& picture, int side) {
  if (picture.rgb.empty() || std::max(picture.height, picture.width) == side) return picture;
  return fitted(picture.view(), side);
}

/// Where everything of a sheet lies, and its drawing.
class SheetDrawing {
 public:
  explicit SheetDrawing(const Sheet& sheet) : sheet_(sheet) {
    for (const auto& row : sheet.rows) {
      check(row.cells.size() <= sheet.columns.size(), "A sheet of {} columns has no place for {}.",
            sheet.columns.size(), row.cells.size());
      for (const auto& cell : row.cells)
        if (cell.frame) border_ = frame;
    }
    place_columns();
    place_rows();
  }

  Image picture() {
    out_ = plain_image(height_, width_, 255, 255, 255);
    write_lines(title_, gap, 0);
    for (std::size_t c = 0; c < headings_.size(); ++c)
      write_lines(headings_[c], lefts_[c],
                  body_ - static_cast<int>(headings_[c].size()) * line - gap);
    for (std::size_t r = 0; r < sheet_.rows.size(); ++r) draw_row(r);
    for (const auto& key : keys_) {
      fill(out_, {key.top, key.left, swatch, swatch}, {30, 30, 30});
      fill(out_, {key.top + 1, key.left + 1, swatch - 2, swatch - 2}, key.key->colour);
      write_text(out_, key.key->words, key.left + swatch + gap, key.top + swatch - 1);
    }
    return std::move(out_);
  }

 private:
  static constexpr int gap = 4, apart = 12, frame = 4, line = 15, swatch = 11;  // pixels

  struct PlacedKey {
    const SheetKey* key;
    int top, left;
  };

  int cell() const { return sheet_.side + 2 * border_; }

  void place_columns() {
    int words = 0;
    for (const auto& row : sheet_.rows)
      if (!row.words.empty()) words = std::max(words, text_width(row.words) + gap);
    width_ = gap + words;
    for (const auto& column : sheet_.columns) {
      if (column.apart) width_ += apart;
      lefts_.push_back(width_);
      width_ += cell() + gap;
    }
    title_ = wrapped(sheet_.title, width_ - 2 * gap);
    for (const auto& text : title_) width_ = std::max(width_, text_width(text) + 2 * gap);
    std::size_t lines = 0;
    for (std::size_t c = 0; c < lefts_.size(); ++c) {
      headings_.push_back(wrapped(sheet_.columns[c].heading, room_of_heading(c)));
      lines = std::max(lines, headings_.back().size());
    }
    body_ = gap + static_cast<int>(title_.size() + lines) * line + (lines > 0 ? 2 * gap : 0);
  }

  int room_of_heading(std::size_t column) const {
    std::size_t next = column + 1;
    while (next < lefts_.size() && sheet_.columns[next].heading.empty()) ++next;
    return (next < lefts_.size() ? lefts_[next] : width_) - lefts_[column] - gap;
  }

  void place_rows() {
    height_ = body_;
    for (const auto& row : sheet_.rows) {
      int tallest = 0;
      auto& small = pictures_.emplace_back();
      for (const auto& c : row.cells) {
        small.push_back(sized(c.picture, sheet_.side));
        tallest = std::max(
            tallest, small.back().height + 2 * border_ + static_cast<int>(c.words.size()) * line);
      }
      if (row.apart) height_ += apart;
      tops_.push_back(height_);
      height_ += tallest + gap;
    }
    place_keys();
  }

  void place_keys() {
    int left = gap;
    if (!sheet_.keys.empty()) height_ += gap;
    for (const auto& key : sheet_.keys) {
      const int wide = swatch + 2 * gap + apart + text_width(key.words);
      if (left > gap && left + wide > width_) {
        left = gap;
        height_ += line;
      }
      keys_.push_back({&key, height_, left});
      left += wide;
    }
    if (!sheet_.keys.empty()) height_ += line + gap;
  }

  void write_lines(const Lines& lines, int left, int top) {
    for (std::size_t i = 0; i < lines.size(); ++i)
      write_text(out_, lines[i], left, top + static_cast<int>(i + 1) * line - 1);
  }

  void draw_row(std::size_t r) {
    const auto& row = sheet_.rows[r];
    const int middle = tops_[r] + border_ + (pictures_[r].empty() ? 0 : sheet_.side / 2);
    write_text(out_, row.words, gap, middle);
    for (std::size_t c = 0; c < row.cells.size(); ++c)
      draw_cell(row.cells[c], pictures_[r][c], tops_[r], lefts_[c]);
  }

  void draw_cell(const SheetCell& shown, const Image& picture, int top, int left) {
    const int across = (cell() - picture.width) / 2;
    if (shown.frame) {
      fill(out_, {top, left, picture.height + 2 * frame, cell()}, *shown.frame);
      fill(out_, {top + frame, left + frame, picture.height, cell() - 2 * frame}, {255, 255, 255});
    }
    if (!picture.rgb.empty()) paste(picture, top + border_, left + across, out_);
    Lines lines;
    for (const auto& text : shown.words) lines.push_back(fitting(text, cell()));
    write_lines(lines, left, top + picture.height + 2 * border_);
  }

  const Sheet& sheet_;
  int border_ = 0, width_ = 0, height_ = 0, body_ = 0;  // pixels; body_: top of the first row
  Lines title_;
  std::vector<Lines> headings_;
  std::vector<int> lefts_, tops_;
  std::vector<std::vector<Image>> pictures_;
  std::vector<PlacedKey> keys_;
  Image out_;
};

}  // namespace

Image drawn(const Sheet& sheet) {
  return SheetDrawing(sheet).picture();
}

}  // namespace ijepa
