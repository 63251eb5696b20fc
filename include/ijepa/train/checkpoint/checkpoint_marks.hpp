// Protected checkpoints: which ones of a run are kept whatever their age, in a small file beside
// them (RUN/checkpoints/protected.json), so that a restart knows them.
#pragma once
#include <cstdint>
#include <optional>
#include <string>

namespace ijepa {

/// The checkpoint with the highest figure so far.
struct BestCheckpoint {
  std::int64_t step = 0;
  std::string figure;  // what was measured: "rankme"
  double value = 0;
  bool operator==(const BestCheckpoint&) const = default;
};

struct CheckpointMarks {
  std::optional<BestCheckpoint> best;
  /// The newest checkpoint that the run passed with healthy features.
  std::optional<std::int64_t> healthy;

  /// "best rankme 85.2, healthy", or "" when `step` is not protected.
  std::string text(std::int64_t step) const;
  bool operator==(const CheckpointMarks&) const = default;
};

/// Nothing is protected where there is no file. An Error when it cannot be read or is damaged:
/// removing checkpoints then could remove a protected one.
CheckpointMarks read_marks(const std::string& run_dir);
/// Replaces the file in one step.
void write_marks(const std::string& run_dir, const CheckpointMarks& marks);

}  // namespace ijepa
