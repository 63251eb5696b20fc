// Sheet: pictures in rows and columns with the words that they need: a title, headings, lines below
// each picture, and what colours mean.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ijepa/data/images/canvas.hpp"

namespace ijepa {

struct SheetCell {
  Image picture = {};                   // no pixels: nothing is shown
  std::vector<std::string> words = {};  // lines below it; long ones lose their beginning
  std::optional<Rgb> frame = {};
};

struct SheetRow {
  std::vector<SheetCell> cells = {};
  std::string words = {};  // to the left of it
  bool apart = false;      // from the row above
};

struct SheetColumn {
  std::string heading = {};  // as wide as the columns up to the next one with a heading
  bool apart = false;        // from the column to the left
};

/// What a colour stands for.
struct SheetKey {
  Rgb colour;
  std::string words;
};

struct Sheet {
  int side = 96;  // pixels: every picture is made as large as fits into a square of it
  std::string title = {};
  std::vector<SheetColumn> columns = {};
  std::vector<SheetRow> rows = {};
  std::vector<SheetKey> keys = {};
};

/// The sheet as a picture, black on white. A row may have fewer cells than there are columns, no
/// more.
Image drawn(const Sheet& sheet);

}  // namespace ijepa
