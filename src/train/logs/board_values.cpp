#include "ijepa/train/logs/board_values.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string_view>
#include <utility>

#include "ijepa/data/canvas.hpp"
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

constexpr int cell_side = 96, cell_gap = 4;

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

std::vector<EventValue> board_values(const Health& health) {
  std::vector<EventValue> values;
  for (const auto& figure : health_figures)
    values.push_back({tag_of(figure.name), health.*figure.value});
  return values;
}

Image mask_sheet(const std::vector<Image>& images, std::span<const ImageMasks> masks, Grid grid) {
  std::vector<std::vector<Image>> rows;
  std::size_t cells = 0;
  for (std::size_t i = 0; i < images.size(); ++i) {
    auto& row = rows.emplace_back();
    row.push_back(images[i]);
    row.push_back(shown_through(images[i], masks[i].contexts.at(0), grid));
    for (const auto& target : masks[i].targets)
      row.push_back(shown_through(images[i], target, grid));
    cells = std::max(cells, row.size());
  }
  const Image first = fitted(images.at(0).view(), cell_side);
  const int height = first.height + cell_gap, width = first.width + cell_gap;
  Image sheet = plain_image(static_cast<int>(rows.size()) * height + cell_gap,
                            static_cast<int>(cells) * width + cell_gap, 255, 255, 255);
  for (std::size_t r = 0; r < rows.size(); ++r)
    for (std::size_t c = 0; c < rows[r].size(); ++c)
      paste(fitted(rows[r][c].view(), cell_side), cell_gap + static_cast<int>(r) * height,
            cell_gap + static_cast<int>(c) * width, sheet);
  return sheet;
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

void show(Board& board, std::int64_t step, HealthMonitor::Look look, const HealthMonitor& monitor) {
  // In the board's thread: principal components of large features take a second.
  board.add_later(
      step, [look = std::move(look), images = monitor.shown_images(), grid = monitor.grid()] {
        auto values = board_values(look.health);
        if (!std::isfinite(look.health.rankme)) return values;  // nor have such features a picture
        values.push_back({"features/variance", histogram_of(look.variances)});
        if (look.tokens.cols >= 3 && look.tokens.rows > 3)
          values.push_back(picture_value(patches_tag, pca_sheet(images, look.tokens, grid)));
        return values;
      });
}

}  // namespace ijepa
