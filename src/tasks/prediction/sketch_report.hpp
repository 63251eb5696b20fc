// Sketch report: what a decoder drew, as CSV, JSON and a sheet of pictures with words.
#pragma once
#include <string>
#include <vector>

#include "ijepa/data/images/image.hpp"
#include "ijepa/tasks/images/open_images.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"
#include "ijepa/tasks/prediction/sketch.hpp"

namespace ijepa {

/// Words about what the decoder is told, for tables and pictures.
const char* words_of(Told told);

std::string as_csv(const SketchResult& result, Grid grid, const Dataset& images);
std::string as_json(const SketchResult& result);

/// A line of the sheet.
struct SketchLine {
  Image told;       // what s came from; no pixels: nothing to show
  std::string key;  // of that image; empty: as in the line above
  Image truth;      // no pixels: as in the line above
  std::string words;
  std::vector<Image> samples;
  Image mean, deviation;  // deviation: grey, white at `white_level`
};

struct SketchSheet {
  std::vector<std::vector<SketchLine>> images;
  std::string title;
  double white_level = 0;
};

/// A PNG; without images none, and none of a former sketch either.
void write_sketch_sheet(const SketchSheet& sheet, const std::string& path);

}  // namespace ijepa
