#include "ijepa/tasks/probing/confusion_report.hpp"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/data/images/canvas.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/drawing/lettering.hpp"

namespace ijepa {
namespace {

constexpr int side = 900, largest_cell = 56, named_cell = 14, counted_cell = 26, margin = 8;
constexpr std::size_t longest = 24;  // characters of a name

enum class Align : std::uint8_t { left, right };

/// Pixels from the middle of a row to the baseline of letters in it.
int below_middle(double size) {
  return static_cast<int>(std::lround(10 * size));
}

/// The names one under another, each in a row of `cell` pixels.
Image name_column(const std::vector<std::string>& names, int cell, Align align) {
  const double size = cell < 20 ? 0.3 : 0.4;
  int width = 0;
  for (const auto& name : names) width = std::max(width, text_width(name, size));
  Image column =
      plain_image(cell * static_cast<int>(names.size()), width + 2 * margin, 255, 255, 255);
  for (int i = 0; i < static_cast<int>(names.size()); ++i) {
    const auto& name = names[static_cast<std::size_t>(i)];
    const int left = margin + (align == Align::left ? 0 : width - text_width(name, size));
    write_text(column, name, left, i * cell + cell / 2 + below_middle(size), {.size = size});
  }
  return column;
}

/// White for none, dark blue for the whole row.
Rgb colour_of(double share) {
  const auto level = [&](double darkest) {
    return static_cast<std::uint8_t>(std::lround(255 - (255 - darkest) * share));
  };
  return {level(10), level(68), level(120)};
}

Image cells(const Confusion& confusion, int cell) {
  const auto classes = static_cast<int>(confusion.counts.rows);
  Image table = plain_image(classes * cell, classes * cell, 255, 255, 255);
  for (int t = 0; t < classes; ++t)
    for (int g = 0; g < classes; ++g) {
      const double count = confusion.counts.row(t)[static_cast<std::size_t>(g)];
      if (count == 0) continue;
      const double share = count / confusion.images[static_cast<std::size_t>(t)];
      fill(table, {t * cell, g * cell, cell, cell}, colour_of(share));
      if (cell < counted_cell) continue;
      const auto text = fmt::format("{:.0f}", count);
      const double size = text.size() > 3 ? 0.3 : 0.4;
      const std::uint8_t level = share > 0.5 ? 255 : 0;
      write_text(table, text, g * cell + (cell - text_width(text, size)) / 2,
                 t * cell + cell / 2 + below_middle(size),
                 {.size = size, .colour = {level, level, level}});
    }
  cv::Mat canvas(table.height, table.width, CV_8UC3, table.rgb.data());
  cv::rectangle(canvas, {0, 0, table.width, table.height}, cv::Scalar::all(160));
  return table;
}

/// A quarter turn to the left.
Image turned(const Image& picture) {
  Image out = plain_image(picture.width, picture.height, 255, 255, 255);
  auto rgb = picture.rgb;
  const cv::Mat from(picture.height, picture.width, CV_8UC3, rgb.data());
  cv::Mat to(out.height, out.width, CV_8UC3, out.rgb.data());
  cv::rotate(from, to, cv::ROTATE_90_COUNTERCLOCKWISE);
  return out;
}

}  // namespace

std::string confusion_csv(const Confusion& confusion, const std::vector<std::string>& classes) {
  std::string text = "truth";
  for (const auto& name : classes) text += fmt::format(",{}", csv_field(name));
  text += "\n";
  for (std::size_t t = 0; t < classes.size(); ++t) {
    text += csv_field(classes[t]);
    for (const double count : confusion.counts.row(static_cast<std::int64_t>(t)))
      text += fmt::format(",{:.0f}", count);
    text += "\n";
  }
  return text;
}

std::string per_class_csv(const std::vector<std::pair<std::string, const Confusion*>>& features,
                          const std::vector<std::string>& classes) {
  std::string text = "class,images";
  for (const auto& [name, confusion] : features) text += fmt::format(",{}", csv_field(name));
  text += "\n";
  for (std::size_t c = 0; c < classes.size(); ++c) {
    const double images = features.at(0).second->images[c];
    text += fmt::format("{},{:.0f}", csv_field(classes[c]), images);
    for (const auto& [name, confusion] : features)
      text += images > 0 ? fmt::format(",{:.3f}", 100 * confusion->hits[c] / images) : ",";
    text += "\n";
  }
  return text;
}

void write_confusion_picture(const Confusion& confusion, const std::vector<std::string>& classes,
                             const std::string& path) {
  const auto count = static_cast<int>(classes.size());
  check(count > 0 && confusion.counts.rows == count,
        "A confusion matrix of {} classes cannot be drawn with {} names.", confusion.counts.rows,
        count);
  const int cell = std::clamp(side / count, 1, largest_cell);
  std::vector<std::string> names(classes.size());
  if (cell >= named_cell)
    std::ranges::transform(classes, names.begin(), [](const auto& n) {
      return fitting(n, text_width(std::string(longest, 'n')));  // names differ in their ends
    });
  const auto left = name_column(names, cell, Align::right);
  const auto top = turned(name_column(names, cell, Align::left));
  const auto table = cells(confusion, cell);
  const std::string caption = cell >= counted_cell
                                  ? "rows: true class, columns: answer, numbers: images"
                                  : "rows: true class, columns: answer";
  constexpr int above = 20;  // the caption, at the top
  Image sheet = plain_image(
      above + top.height + table.height + margin,
      std::max(left.width + table.width, text_width(caption) + margin) + margin, 255, 255, 255);
  const int x = sheet.width - margin - table.width, y = above + top.height;
  paste(left, y, x - left.width, sheet);
  paste(table, y, x, sheet);
  paste(top, above, x, sheet);
  write_text(sheet, caption, margin, above - margin / 2);
  write_png(sheet, path);
}

}  // namespace ijepa
