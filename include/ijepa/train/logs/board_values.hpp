// Board values: what a run tells TensorBoard: figures of steps and of health by tag, and pictures
// of its masks and features.
#pragma once
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ijepa/core/matrix.hpp"
#include "ijepa/data/images/image.hpp"
#include "ijepa/model/grid.hpp"
#include "ijepa/model/masks.hpp"
#include "ijepa/train/health/health.hpp"
#include "ijepa/train/health/health_monitor.hpp"
#include "ijepa/train/logs/board.hpp"
#include "ijepa/train/logs/event_files.hpp"
#include "ijepa/train/logs/metrics_log.hpp"

namespace ijepa {

constexpr const char* masks_tag = "pictures/masks";
constexpr const char* patches_tag = "pictures/patches";

std::vector<EventValue> board_values(const StepMetrics& metrics);
/// The losses stand beside the training's, as loss/held_out, loss/zero and loss/place_only. Of
/// predictions nothing is told where pixels are predicted.
std::vector<EventValue> board_values(const Health& health, Predicts predicts);

/// A row an image: the image, what its first context shows, and each of its target blocks, the rest
/// of the image grey. Images have one size.
Image mask_sheet(const std::vector<Image>& images, std::span<const ImageMasks> masks, Grid grid);

/// The board of a run of which `steps` are done, with a picture of the monitor's masks.
std::unique_ptr<Board> open_board(const std::string& run_dir, std::int64_t steps,
                                  const std::optional<HealthMonitor>& monitor, const Log& log);

/// Health, the variances of features, and the features of patches as colours.
void show(Board& board, std::int64_t step, HealthMonitor::Look look, const HealthMonitor& monitor,
          Predicts predicts);

}  // namespace ijepa
