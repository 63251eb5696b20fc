// Lettering: words on pictures, in the stroke letters of OpenCV, which are those of ASCII: of a
// letter with marks the plain one is drawn, "?" for every other character.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "ijepa/data/images/canvas.hpp"

namespace ijepa {

struct Letters {
  double size = 0.4;  // 1: capitals of about 22 pixels
  Rgb colour{30, 30, 30};
  int thickness = 1;  // pixels of a stroke
};

/// What is drawn of a text in UTF-8: ASCII.
std::string drawable(std::string_view text);

/// Pixels that the text takes.
int text_width(std::string_view text, double size = Letters{}.size);

/// The text with its baseline at `bottom`; what reaches beyond the picture is cut off.
void write_text(Image& on, std::string_view text, int left, int bottom,
                const Letters& letters = {});

/// The text, or ".." and its end, in which names of files differ, where it is wider than `pixels`.
std::string fitting(std::string_view text, int pixels, double size = Letters{}.size);

/// The text in lines of at most `pixels`, broken at blanks; a longer word stays whole.
std::vector<std::string> wrapped(std::string_view text, int pixels, double size = Letters{}.size);

}  // namespace ijepa
