#include "sketch_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <opencv2/imgproc.hpp>

#include "ijepa/data/canvas.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

constexpr int cell_side = 76, cell_gap = 4, label_width = 160, header = 46, block_gap = 10;
constexpr double text_size = 0.38;

void write_text(Image& sheet, const std::string& text, int x, int y) {
  cv::Mat canvas(sheet.height, sheet.width, CV_8UC3, sheet.rgb.data());
  cv::putText(canvas, text, {x, y}, cv::FONT_HERSHEY_SIMPLEX, text_size, {30, 30, 30}, 1,
              cv::LINE_AA);
}

int width_of(const std::string& text) {
  int below = 0;
  return cv::getTextSize(text, cv::FONT_HERSHEY_SIMPLEX, text_size, 1, &below).width;
}

void put(const Image& picture, int top, int left, Image& sheet) {
  if (picture.rgb.empty()) return;
  const Image cell = fitted(picture.view(), cell_side);
  paste(cell, top + (cell_side - cell.height) / 2, left + (cell_side - cell.width) / 2, sheet);
}

int column(std::size_t i) {
  return label_width + static_cast<int>(i) * (cell_side + cell_gap);
}

Json figures_json(const SketchFigures& f) {
  return {{"rank", f.rank},
          {"recall_at_1", f.at1},
          {"recall_at_5", f.at5},
          {"error_of_mean_sample", f.error},
          {"deviation", f.deviation}};
}

std::vector<std::string> headings(std::size_t samples, double white_level) {
  std::vector<std::string> names{"told", "truth"};
  for (std::size_t i = 1; i <= samples; ++i) names.push_back(fmt::format("sample {}", i));
  names.push_back("mean");
  names.push_back(fmt::format("dev. 0-{:.0f}", white_level));
  return names;
}

}  // namespace

const char* name_of(Told told) {
  constexpr std::array names{"predicted", "other_image", "nothing", "encoded"};
  return names.at(static_cast<std::size_t>(told));
}

const char* words_of(Told told) {
  constexpr std::array words{"the predictor's s", "another image's s", "no s",
                             "the target encoder's s"};
  return words.at(static_cast<std::size_t>(told));
}

std::string as_text(const SketchResult& r) {
  const auto n = static_cast<double>(r.queries.size());
  auto text = fmt::format(
      "{} blocks of {} x {} patches, {} samples each, {} Heun steps, guidance {:g}\n"
      "{:<24}{:>8}{:>8}{:>8}{:>22}{:>12}\n",
      r.queries.size(), r.rows, r.cols, r.settings.samples, r.settings.steps, r.settings.guidance,
      "the decoder is told", "rank", "@1 %", "@5 %", "error of mean sample", "deviation");
  for (std::size_t t = 0; t < told_count; ++t) {
    const auto& f = r.mean.at(t);
    text += fmt::format("{:<24}{:>8.1f}{:>8.1f}{:>8.1f}{:>22.1f}{:>12.1f}\n",
                        words_of(static_cast<Told>(t)), f.rank, 100 * f.at1, 100 * f.at5, f.error,
                        f.deviation);
  }
  return text + fmt::format("{:<24}{:>8.1f}{:>8.1f}{:>8.1f}\n{:<24}{:>46.1f}\n", "(chance)",
                            (n + 1) / 2, 100 / n, 100 * std::min(1.0, 5 / n),
                            "(mean training crop)", r.mean_image_error);
}

std::string as_json(const SketchResult& r) {
  Json json{{"blocks", r.queries.size()},
            {"rows", r.rows},
            {"cols", r.cols},
            {"samples", r.settings.samples},
            {"steps", r.settings.steps},
            {"guidance", r.settings.guidance},
            {"error_of_mean_crop", r.mean_image_error}};
  for (std::size_t t = 0; t < told_count; ++t)
    json[name_of(static_cast<Told>(t))] = figures_json(r.mean.at(t));
  return json.dump(2) + "\n";
}

std::string as_csv(const SketchResult& r, Grid grid, const ImageSource& images) {
  const auto places = block_positions(grid, {r.rows, r.cols});
  std::string out =
      "image,top,left,rows,cols,told,rank,recall_at_1,recall_at_5,error_of_mean_sample,deviation,"
      "error_of_mean_crop\n";
  for (const auto& q : r.queries)
    for (std::size_t t = 0; t < told_count; ++t) {
      const auto& f = q.told.at(t);
      out += fmt::format("{},{},{},{},{},{},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f},{:.4f}\n",
                         csv_field(images.key(q.image)), q.position / places.cols,
                         q.position % places.cols, r.rows, r.cols, name_of(static_cast<Told>(t)),
                         f.rank, f.at1, f.at5, f.error, f.deviation, q.mean_image_error);
    }
  return out;
}

void write_sketch_sheet(const SketchSheet& sheet, const std::string& path) {
  if (sheet.images.empty()) {
    std::filesystem::remove(path);
    return;
  }
  std::size_t lines = 0, samples = 0;
  for (const auto& image : sheet.images) {
    lines += image.size();
    for (const auto& line : image) samples = std::max(samples, line.samples.size());
  }
  const auto names = headings(samples, sheet.white_level);
  Image out = plain_image(
      header + static_cast<int>(lines) * (cell_side + cell_gap) +
          static_cast<int>(sheet.images.size()) * block_gap,
      std::max(column(names.size()), cell_gap + width_of(sheet.title)) + cell_gap, 255, 255, 255);
  write_text(out, sheet.title, cell_gap, 16);
  for (std::size_t i = 0; i < names.size(); ++i) write_text(out, names[i], column(i), header - 8);
  int top = header;
  for (const auto& image : sheet.images) {
    for (const auto& line : image) {
      write_text(out, line.words, cell_gap, top + cell_side / 2);
      put(line.told, top, column(0), out);
      put(line.truth, top, column(1), out);
      for (std::size_t i = 0; i < line.samples.size(); ++i)
        put(line.samples[i], top, column(2 + i), out);
      put(line.mean, top, column(names.size() - 2), out);
      put(line.deviation, top, column(names.size() - 1), out);
      top += cell_side + cell_gap;
    }
    top += block_gap;
  }
  write_png(out, path);
}

}  // namespace ijepa
