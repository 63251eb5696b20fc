#include "ijepa/train/logs/board_values.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "ijepa/drawing/sheet.hpp"
#include "ijepa/train/logs/pca_picture.hpp"

namespace ijepa {
namespace {

struct StepFigure {
  const char* tag;
  double StepMetrics::*value;
};
constexpr std::array<StepFigure, 13> step_figures{
    {{"loss/train", &StepMetrics::loss},
     {"masks/context_tokens", &StepMetrics::context_tokens},
     {"masks/target_tokens", &StepMetrics::target_tokens},
     {"optim/learning_rate", &StepMetrics::learning_rate},
     {"optim/weight_decay", &StepMetrics::weight_decay},
     {"optim/momentum", &StepMetrics::momentum},
     {"gradient_norm/encoder", &StepMetrics::encoder_gradient},
     {"gradient_norm/predictor", &StepMetrics::predictor_gradient},
     {"speed/images_per_second", &StepMetrics::images_per_second},
     {"speed/milliseconds_per_step", &StepMetrics::milliseconds},
     {"speed/data_wait", &StepMetrics::data_wait},
     {"speed/rank_wait", &StepMetrics::rank_wait},
     {"speed/memory_mib", &StepMetrics::memory_mib}}};

std::string tag_of(std::string_view health_figure) {
  if (health_figure == "loss") return "loss/held_out";
  if (health_figure == "zero_loss") return "loss/zero";
  if (health_figure == "position_mean_loss") return "loss/place_only";
  return "health/" + std::string(health_figure);
}

/// The image with every patch that is not in `mask` grey.
Image shown_through(const Image& image, const std::vector<std::int32_t>& mask, Grid grid) {
  Image out = image;
  for (int y = 0; y < image.height; ++y)
    for (int x = 0; x < image.width; ++x) {
      const auto patch = y * grid.rows / image.height * grid.cols + x * grid.cols / image.width;
      if (std::ranges::binary_search(mask, static_cast<std::int32_t>(patch))) continue;
      std::fill_n(out.rgb.begin() + (y * image.width + x) * 3, 3, std::uint8_t{128});
    }
  return out;
}

EventValue picture_value(const char* tag, const Image& picture) {
  const auto bytes = png_bytes(picture.view());
  return {tag, EventPicture{picture.height, picture.width, {bytes.begin(), bytes.end()}}};
}

}  // namespace

std::vector<EventValue> board_values(const StepMetrics& metrics) {
  std::vector<EventValue> values;
  for (const auto& figure : step_figures) values.push_back({figure.tag, metrics.*figure.value});
  return values;
}

std::vector<EventValue> board_values(const Health& health, Predicts predicts) {
  std::vector<EventValue> values;
  for (const auto& figure : health_figures)
    if (figure.told(predicts)) values.push_back({tag_of(figure.name), health.*figure.value});
  return values;
}

Image mask_sheet(const std::vector<Image>& images, std::span<const ImageMasks> masks, Grid grid) {
  Sheet sheet{.title = "What the encoder sees of an image, and the blocks that are predicted",
              .columns = {{"image"}, {"context"}}};
  for (std::size_t i = 0; i < images.size(); ++i) {
    auto& cells = sheet.rows.emplace_back().cells;
    cells.push_back({images[i]});
    cells.push_back({shown_through(images[i], masks[i].contexts.at(0), grid)});
    for (const auto& target : masks[i].targets)
      cells.push_back({shown_through(images[i], target, grid)});
    while (sheet.columns.size() < cells.size())
      sheet.columns.push_back({fmt::format("target {}", sheet.columns.size() - 1)});
  }
  return drawn(sheet);
}

std::unique_ptr<Board> open_board(const std::string& run_dir, std::int64_t steps,
                                  const std::optional<HealthMonitor>& monitor, const Log& log) {
  // A resume repeats what is behind the steps that are done, and all of a run of none.
  const std::int64_t first = steps == 0 ? 0 : steps + 1;
  auto board = std::make_unique<Board>(run_dir, first, log);
  if (!monitor) return board;
  const auto masks = monitor->shown_masks();
  board->add_later(first, [images = monitor->shown_images(), grid = monitor->grid(),
                           masks = std::vector<ImageMasks>(masks.begin(), masks.end())] {
    return std::vector{picture_value(masks_tag, mask_sheet(images, masks, grid))};
  });
  return board;
}

void show(Board& board, std::int64_t step, HealthMonitor::Look look, const HealthMonitor& monitor,
          Predicts predicts) {
  // In the board's thread: principal components of large features take a second.
  board.add_later(step, [look = std::move(look), images = monitor.shown_images(),
                         grid = monitor.grid(), predicts] {
    auto values = board_values(look.health, predicts);
    if (!std::isfinite(look.health.rankme)) return values;  // nor have such features a picture
    values.push_back({"features/variance", histogram_of(look.variances)});
    if (look.tokens.cols >= 3 && look.tokens.rows > 3)
      values.push_back(picture_value(patches_tag, pca_sheet(images, {}, look.tokens, grid)));
    return values;
  });
}

}  // namespace ijepa
