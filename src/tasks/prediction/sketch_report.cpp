#include "sketch_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "ijepa/data/names.hpp"
#include "ijepa/drawing/sheet.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

Json figures_json(const SketchFigures& f) {
  return {{"rank", f.rank},
          {"recall_at_1", f.at1},
          {"recall_at_5", f.at5},
          {"error_of_mean_sample", f.error},
          {"deviation", f.deviation}};
}

std::vector<SheetColumn> columns(std::size_t samples, double white_level) {
  std::vector<SheetColumn> all{{"told"}, {"truth"}};
  for (std::size_t i = 1; i <= samples; ++i) all.push_back({fmt::format("sample {}", i)});
  all.push_back({"mean"});
  all.push_back({fmt::format("dev. 0-{:.0f}", white_level)});
  return all;
}

SheetRow row_of(const SketchLine& line, std::size_t samples) {
  SheetRow row{.cells = {{line.told}, {line.truth}}, .words = line.words};
  if (!line.key.empty()) row.cells.front().words = {line.key};
  for (const auto& sample : line.samples) row.cells.push_back({sample});
  row.cells.resize(2 + samples);
  row.cells.push_back({line.mean});
  row.cells.push_back({line.deviation});
  return row;
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

std::string as_csv(const SketchResult& r, Grid grid, const Dataset& images) {
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
  std::size_t samples = 0;
  for (const auto& image : sheet.images)
    for (const auto& line : image) samples = std::max(samples, line.samples.size());
  Sheet out{.side = 76, .title = sheet.title, .columns = columns(samples, sheet.white_level)};
  for (const auto& image : sheet.images)
    for (std::size_t l = 0; l < image.size(); ++l) {
      out.rows.push_back(row_of(image[l], samples));
      out.rows.back().apart = l == 0 && out.rows.size() > 1;
    }
  write_png(drawn(out), path);
}

}  // namespace ijepa
