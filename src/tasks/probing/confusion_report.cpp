#include "ijepa/tasks/probing/confusion_report.hpp"

#include <algorithm>
#include <opencv2/imgproc.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/data/canvas.hpp"
#include "ijepa/data/names.hpp"

namespace ijepa {
namespace {

constexpr int side = 900, largest_cell = 56, named_cell = 14, counted_cell = 26, margin = 8;
constexpr std::size_t longest = 24;  // characters of a name
constexpr double caption_scale = 0.4;
constexpr int font = cv::FONT_HERSHEY_SIMPLEX;

cv::Size text_size(const std::string& text, double scale) {
  int baseline = 0;
  const auto size = cv::getTextSize(text, font, scale, 1, &baseline);
  return {size.width, size.height + baseline};
}

void write_text(cv::Mat& canvas, const std::string& text, cv::Point baseline_left, double scale,
                const cv::Scalar& colour) {
  cv::putText(canvas, text, baseline_left, font, scale, colour, 1, cv::LINE_AA);
}

enum class Align : std::uint8_t { left, right };

/// The names one under another, each in a row of `cell` pixels.
cv::Mat name_column(const std::vector<std::string>& names, int cell, Align align) {
  const double scale = cell < 20 ? 0.3 : 0.4;
  int width = 0;
  for (const auto& name : names) width = std::max(width, text_size(name, scale).width);
  // Letters reach a little beyond the width that OpenCV tells.
  cv::Mat column(cell * static_cast<int>(names.size()), width + 2 * margin, CV_8UC3,
                 cv::Scalar::all(255));
  for (int i = 0; i < static_cast<int>(names.size()); ++i) {
    const auto& name = names[static_cast<std::size_t>(i)];
    const auto size = text_size(name, scale);
    const int left = margin + (align == Align::left ? 0 : width - size.width);
    write_text(column, name, {left, i * cell + (cell + size.height) / 2 - 3}, scale,
               cv::Scalar::all(0));
  }
  return column;
}

/// White for none, dark blue for the whole row; red first.
cv::Scalar colour_of(double share) {
  return {255 - 245 * share, 255 - 187 * share, 255 - 135 * share};
}

cv::Mat cells(const Confusion& confusion, int cell) {
  const auto classes = static_cast<int>(confusion.counts.rows);
  cv::Mat table(classes * cell, classes * cell, CV_8UC3, cv::Scalar::all(255));
  for (int t = 0; t < classes; ++t)
    for (int g = 0; g < classes; ++g) {
      const double count = confusion.counts.row(t)[static_cast<std::size_t>(g)];
      if (count == 0) continue;
      const double share = count / confusion.images[static_cast<std::size_t>(t)];
      table({g * cell, t * cell, cell, cell}).setTo(colour_of(share));
      if (cell < counted_cell) continue;
      const auto text = fmt::format("{:.0f}", count);
      const double scale = text.size() > 3 ? 0.3 : 0.4;
      const auto size = text_size(text, scale);
      write_text(table, text,
                 {g * cell + (cell - size.width) / 2, t * cell + (cell + size.height) / 2 - 3},
                 scale, cv::Scalar::all(share > 0.5 ? 255 : 0));
    }
  cv::rectangle(table, {0, 0, table.cols, table.rows}, cv::Scalar::all(160));
  return table;
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
    std::ranges::transform(classes, names.begin(),
                           [](const auto& n) { return n.substr(0, longest); });
  const auto left = name_column(names, cell, Align::right);
  cv::Mat top;
  cv::rotate(name_column(names, cell, Align::left), top, cv::ROTATE_90_COUNTERCLOCKWISE);
  const auto table = cells(confusion, cell);
  const std::string caption = cell >= counted_cell
                                  ? "rows: true class, columns: answer, numbers: images"
                                  : "rows: true class, columns: answer";
  const auto line = text_size(caption, caption_scale);
  const int above = line.height + margin;  // the caption, at the top
  Image sheet =
      plain_image(above + top.rows + table.rows + margin,
                  std::max(left.cols + table.cols, line.width + margin) + margin, 255, 255, 255);
  cv::Mat canvas(sheet.height, sheet.width, CV_8UC3, sheet.rgb.data());
  const int x = sheet.width - margin - table.cols, y = above + top.rows;
  left.copyTo(canvas({x - left.cols, y, left.cols, left.rows}));
  table.copyTo(canvas({x, y, table.cols, table.rows}));
  top.copyTo(canvas({x, above, top.cols, top.rows}));
  write_text(canvas, caption, {margin, above - margin / 2}, caption_scale, cv::Scalar::all(0));
  write_png(sheet, path);
}

}  // namespace ijepa
