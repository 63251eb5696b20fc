#include "annotate.hpp"

#include <algorithm>

#include "ijepa/drawing/lettering.hpp"

namespace ijepa {

Image annotated(const ImageView& picture, const std::vector<AnswerLine>& lines) {
  constexpr int least = 224, letters_a_line = 20;
  const Image shown = fitted(picture, std::max({picture.height, picture.width, least}));
  const int width = std::max(shown.width, least), line = width / letters_a_line * 2;
  const auto panel = static_cast<int>(lines.size()) * line + line / 2;
  Image out = plain_image(panel + shown.height, width, 0, 0, 0);
  paste(shown, panel, (width - shown.width) / 2, out);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    double size = line / 40.0;
    size *= std::min(1.0, (width - 8.0) / text_width(lines[i].text, size));  // long names fit
    write_text(out, lines[i].text, 4, static_cast<int>(i + 1) * line,
               {.size = size, .colour = lines[i].colour, .thickness = 1 + width / 600});
  }
  return out;
}

}  // namespace ijepa
