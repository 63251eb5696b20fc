#include "predict_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "ijepa/data/images/resize.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/drawing/sheet.hpp"
#include "ijepa/tasks/prediction/block_conditions.hpp"

namespace ijepa {
namespace {

using Json = nlohmann::ordered_json;

constexpr Rgb hidden{128, 128, 128}, of_block{40, 200, 80};

Json recall_json(const Recall& r) {
  return {{"candidates", r.candidates},
          {"recall_at_1", r.at1},
          {"recall_at_5", r.at5},
          {"chance_at_1", r.chance1()},
          {"chance_at_5", r.chance5()}};
}

std::string recall_line(const char* name, const Recall& r) {
  return fmt::format("{:<34}{:>12}{:>8.1f}{:>8.1f}{:>10.1f}{:>8.1f}\n", name, r.candidates,
                     100 * r.at1, 100 * r.at5, 100 * r.chance1(), 100 * r.chance5());
}

/// A frame of `thickness` pixels just inside the box.
void frame(Image& picture, const Box& box, int thickness) {
  const int t = std::min({thickness, box.height, box.width});
  fill(picture, {box.top, box.left, t, box.width}, of_block);
  fill(picture, {box.top + box.height - t, box.left, t, box.width}, of_block);
  fill(picture, {box.top, box.left, box.height, t}, of_block);
  fill(picture, {box.top, box.left + box.width - t, box.height, t}, of_block);
}

}  // namespace

Image seen_context(const BlockRow& row, Grid grid) {
  Image out = row.picture;
  const int height = out.height / static_cast<int>(grid.rows);
  const int width = out.width / static_cast<int>(grid.cols);
  for (std::int32_t patch = 0; patch < grid.tokens(); ++patch)
    if (!std::ranges::binary_search(row.context, patch)) {
      const int y = patch / static_cast<int>(grid.cols), x = patch % static_cast<int>(grid.cols);
      fill(out, {y * height, x * width, height, width}, hidden);
    }
  frame(out, row.truth, std::max(1, out.width / 75));
  return out;
}

std::string as_text(const PredictResult& r) {
  auto text = fmt::format(
      "{} blocks of {} x {} patches; similarity of prediction and truth {:.3f}\n{:<34}{:>12}"
      "{:>8}{:>8}{:>10}{:>8}\n",
      r.queries.size(), r.rows, r.cols, r.mean_own, "the truth among (percent)", "candidates", "@1",
      "@5", "chance@1", "@5");
  text += recall_line("other images, same place", r.others);
  return text + recall_line("same image, other places", r.inside);
}

std::string as_json(const PredictResult& r) {
  const Json json{{"blocks", r.queries.size()},
                  {"rows", r.rows},
                  {"cols", r.cols},
                  {"mean_similarity", r.mean_own},
                  {"other_images_same_place", recall_json(r.others)},
                  {"same_image_other_places", recall_json(r.inside)}};
  return json.dump(2) + "\n";
}

std::string as_csv(const PredictResult& r, Grid grid, const Dataset& input, const Dataset& bank) {
  const auto places = block_positions(grid, {r.rows, r.cols});
  std::size_t most = 0;
  for (const auto& q : r.queries) most = std::max(most, q.hits.size());
  std::string out = "image,top,left,rows,cols,similarity,before_others,before_inside";
  for (std::size_t k = 1; k <= most; ++k)
    out += fmt::format(",hit_{},top_{},left_{},similarity_{}", k, k, k, k);
  out += "\n";
  for (const auto& q : r.queries) {
    out += fmt::format("{},{},{},{},{},{:.6f},{},{}", csv_field(input.key(q.image)),
                       q.position / places.cols, q.position % places.cols, r.rows, r.cols, q.own,
                       q.before_others, q.before_inside);
    for (const auto& hit : q.hits)
      out += fmt::format(",{},{},{},{:.6f}", csv_field(bank.key(hit.image)),
                         hit.position / places.cols, hit.position % places.cols, hit.similarity);
    out += "\n";
  }
  return out;
}

Image cut_out(const ImageView& picture, const Box& box) {
  Image out{box.height, box.width, {}};
  out.rgb.resize(static_cast<std::size_t>(3 * box.height * box.width));
  Resizer().resize(picture.part(box), {box.height, box.width}, out.rgb.data());
  return out;
}

void write_block_sheet(const std::vector<BlockRow>& rows, Grid grid, const std::string& path) {
  if (rows.empty()) {
    std::filesystem::remove(path);
    return;
  }
  std::size_t most = 0;
  for (const auto& row : rows) most = std::max(most, row.hits.size());
  Sheet sheet{.side = 144,
              .title =
                  "Hidden blocks and those that the prediction is most alike to (cosine "
                  "similarity of their features)",
              .columns = {{"seen"}, {"hidden"}},
              .keys = {{hidden, "hidden from the network"}, {of_block, "the block asked for"}}};
  for (std::size_t k = 0; k < most; ++k)
    sheet.columns.push_back({k == 0 ? "nearest blocks of other images" : "", k == 0});
  for (const auto& row : rows) {
    auto& cells = sheet.rows.emplace_back().cells;
    cells.push_back({seen_context(row, grid), {row.key}});
    cells.push_back({cut_out(row.picture.view(), row.truth), {fmt::format("{:.3f}", row.own)}});
    for (std::size_t h = 0; h < row.hits.size(); ++h)
      cells.push_back({row.hits[h], {fmt::format("{:.3f}", row.similarities[h])}});
  }
  write_png(drawn(sheet), path);
}

}  // namespace ijepa
