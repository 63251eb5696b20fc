// A step once more with every operation checked: which is the first that reads or makes a value
// that is not finite. Neither other ranks nor the run's weights notice.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "ijepa/comm/activity.hpp"
#include "ijepa/train/fit/rank_step.hpp"

namespace ijepa {

struct Finding {
  int rank = 0;
  std::int64_t micro = 0;      // behind the last one: in the norms of all gradients
  std::int64_t operation = 0;  // its number in what the rank repeated
  std::string text;            // operation, layer, tensor and element: CheckedOps
};

/// `pixels`: those of all micro-batches of this rank's part, or of the first of them alone; then
/// without the norms. Where losses are pooled, the engine has surveyed the step. The engine's
/// gradients are overwritten. `activity` sees that it gets on.
std::optional<Finding> find_not_finite(Engine& engine, const RankStep& step,
                                       std::span<const std::uint8_t> pixels, Activity& activity);

/// The sentence that the log and --replay have for it.
std::string sentence_of(const Finding& finding, const RankStep& step);

}  // namespace ijepa
