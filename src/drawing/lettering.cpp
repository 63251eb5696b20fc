#include "ijepa/drawing/lettering.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include "ijepa/data/names.hpp"

namespace ijepa {
namespace {

constexpr int font = cv::FONT_HERSHEY_SIMPLEX;

bool is_ascii(char c) {
  return static_cast<unsigned char>(c) < 0x80;
}

/// One character of ASCII for each of the text: a byte that begins one, or is none, counts.
std::string as_ascii(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (is_ascii(c)) {
      out += c;
    } else if ((static_cast<unsigned char>(c) & 0xC0) != 0x80) {
      out += '?';
    }
  return out;
}

}  // namespace

std::string drawable(std::string_view text) {
  if (std::ranges::all_of(text, is_ascii)) return std::string(text);
  return as_ascii(
      mapped_text(text, UTF8PROC_STABLE | UTF8PROC_COMPAT | UTF8PROC_DECOMPOSE | UTF8PROC_STRIPMARK)
          .value_or(std::string(text)));
}

int text_width(std::string_view text, double size) {
  constexpr int beyond = 2;  // letters reach a little beyond the width that OpenCV tells
  return cv::getTextSize(drawable(text), font, size, 1, nullptr).width + beyond;
}

void write_text(Image& on, std::string_view text, int left, int bottom, const Letters& letters) {
  cv::Mat canvas(on.height, on.width, CV_8UC3, on.rgb.data());
  const auto [red, green, blue] = letters.colour;
  cv::putText(canvas, drawable(text), {left, bottom}, font, letters.size,
              cv::Scalar(red, green, blue), letters.thickness, cv::LINE_AA);
}

std::string fitting(std::string_view text, int pixels, double size) {
  auto shown = drawable(text);
  if (text_width(shown, size) <= pixels) return shown;
  while (!shown.empty() && text_width(".." + shown, size) > pixels) shown.erase(0, 1);
  return ".." + shown;
}

std::vector<std::string> wrapped(std::string_view text, int pixels, double size) {
  std::istringstream words{std::string(text)};
  std::vector<std::string> lines;
  for (std::string word; words >> word;) {
    if (lines.empty() || text_width(lines.back() + " " + word, size) > pixels) {
      lines.push_back(word);
    } else {
      lines.back() += " " + word;
    }
  }
  return lines;
}

}  // namespace ijepa
