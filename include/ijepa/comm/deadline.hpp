// Deadline: until when a run may train, so that its last save is done before the batch system ends
// the job. A signal for that may come late, to the wrong process or not at all; a clock does not.
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/log.hpp"
#include "ijepa/core/shell.hpp"

namespace ijepa {

/// Why a run stops before its end; the largest of all ranks counts.
enum class StopReason : std::uint8_t { none, slice_done, job_ends, signal };
/// "after a signal", for a log line that begins with "Saved".
std::string_view text_of(StopReason reason);

struct DeadlineSettings {
  /// Until the job ends; nothing: it does not, or nobody knows.
  std::optional<double> job_seconds;
  /// Of training that were asked for; 0: no limit.
  double slice_seconds = 0;
  /// To be left at the job's end beside the time that a save and a step take.
  double margin_seconds = 0;
};

/// All times are in seconds after its construction.
class Deadline {
 public:
  explicit Deadline(const DeadlineSettings& settings) : settings_(settings) {}

  /// What a save is thought to take until one has been measured.
  void expect_save(double seconds) { expected_save_ = seconds; }
  void saved_in(double seconds);
  /// The last one counts: steps get slower and faster together.
  void stepped_in(double seconds) { step_ = seconds; }

  /// What a stop takes: the step that is running, and a save.
  double stop_seconds() const { return step_ + save_seconds(); }
  StopReason due(double now) const;
  /// Until it is due; infinite where nothing ends.
  double seconds_left(double now) const;
  /// Twice the longest save and twice a step, for what varies.
  double needed_seconds() const;

 private:
  double save_seconds() const { return longest_save_ < 0 ? expected_save_ : longest_save_; }

  DeadlineSettings settings_;
  double expected_save_ = 0, longest_save_ = -1, step_ = 0;
};

/// How long the Slurm job around this process may go on: SLURM_JOB_END_TIME, else what squeue or
/// scontrol answer. Nothing outside of Slurm or without a limit; where both are missing, that is
/// said.
std::optional<double> seconds_to_job_end(
    const Environment& environment, const Log& log,
    const std::function<std::string(const std::string&)>& ask = first_line_of);

}  // namespace ijepa
