// Annotate: what a classifier says of a picture, above it. Private to the folder.
#pragma once
#include <string>
#include <vector>

#include "ijepa/data/images/canvas.hpp"

namespace ijepa {

struct AnswerLine {
  std::string text;
  Rgb colour;
};

/// The picture, enlarged to at least 224 pixels, below the lines, which are on black.
Image annotated(const ImageView& picture, const std::vector<AnswerLine>& lines);

}  // namespace ijepa
