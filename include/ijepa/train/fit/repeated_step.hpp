// A step once more with every operation checked: which is the first that reads or makes a value
// that is not finite. Neither other ranks nor the run's weights notice.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "ijepa/comm/activity.hpp"
#include "ijepa/device/checked_ops.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/step/engine.hpp"

namespace ijepa {

/// A rank's part of one step, all but the pixels: masks, and the index lists and draws of each
/// micro-batch. A pure function of recipe, step and rank.
class RankStep {
 public:
  RankStep(const PretrainRecipe& recipe, const RunPlan& plan, std::int64_t step, int rank);

  const StepPlace& place() const { return place_; }
  const StepMasks& masks() const { return masks_; }
  int rank() const { return rank_; }
  std::int64_t micro_batches() const { return micro_batches_; }
  /// Of the pixels of a micro-batch, (micro_batch, H, W, C) of pixel_type(C).
  std::size_t micro_bytes() const { return micro_bytes_; }

  /// Whether losses of this step compare its images.
  bool pooled(const LossConfig& loss) const { return loss.pooled() && !masks_.pixels_only; }
  Part part(std::int64_t micro) const { return part_of(micro, micro_batches_); }
  TokenPlan token_plan(std::int64_t micro) const;
  /// `pixels` (micro_batch, H, W, C) of pixel_type(C) and `tokens`, the token_plan() of this
  /// micro-batch, are only pointed at.
  MicroBatch micro_batch(std::int64_t micro, std::span<const std::uint8_t> pixels,
                         const TokenPlan& tokens) const;

 private:
  std::uint64_t seed_;
  int rank_;
  std::int64_t image_tokens_, micro_batch_, micro_batches_;
  std::size_t micro_bytes_;
  StepPlace place_;
  StepMasks masks_;
  std::vector<std::int64_t> positions_;  // of this rank's images in the epoch's order
};

/// What a rank's part is repeated in: a look ahead at a micro-batch where losses are pooled, its
/// forward and backward, the norms of all gradients; idle: nothing.
struct Piece {
  enum class Kind : std::uint8_t { idle, look_ahead, micro_batch, norms };
  Kind kind = Kind::idle;
  std::int64_t micro = 0;
  Part part = Part::only;  // its first overwrites gradients
};

/// Those of `micros` micro-batches from `first`; with the norms where that is the whole part.
std::vector<Piece> pieces_of(const RankStep& step, bool pooled, std::int64_t first,
                             std::int64_t micros);

struct Finding {
  int rank = 0;
  Piece piece;
  std::int64_t operation = 0;  // its number in what the rank repeated
  std::string text;            // operation, layer, tensor and element: CheckedOps
};

/// A repetition was left before its end.
class RepetitionLeft : public Error {
 public:
  using Error::Error;
};

class RepeatedStep {
 public:
  /// Where losses are pooled, `engine` has surveyed the step. Its gradients are overwritten.
  /// `activity` sees that it gets on. Before each operation `leave` is asked.
  RepeatedStep(Engine& engine, const RankStep& step, Activity& activity,
               std::function<bool()> leave = {});
  ~RepeatedStep();

  /// What was found in the piece; pixels: of its micro-batch. A RepetitionLeft where `leave` said
  /// so.
  std::optional<Finding> repeat(const Piece& piece, std::span<const std::uint8_t> pixels);

 private:
  class LeavingOps;

  void compute(const Piece& piece, std::span<const std::uint8_t> pixels);
  std::int64_t operations() const { return parts_.operations() + norms_.operations(); }

  Engine& engine_;
  const RankStep& step_;
  std::unique_ptr<LeavingOps> ops_;
  CheckedOps parts_, norms_;
  Activity::Progress progress_;
};

/// `pixels`: of micro-batches from `first`. What is found in their pieces.
std::optional<Finding> find_not_finite(Engine& engine, const RankStep& step,
                                       std::span<const std::uint8_t> pixels, Activity& activity,
                                       std::int64_t first = 0);

/// The sentence that the log and --replay have for it.
std::string sentence_of(const Finding& finding, const RankStep& step);

}  // namespace ijepa
