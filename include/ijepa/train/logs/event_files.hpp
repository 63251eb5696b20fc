// Event files: what TensorBoard shows of a run, beside its metrics.csv: figures, histograms and
// pictures by step, in files that TensorBoard and programs like it read as they are.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ijepa/core/log.hpp"

namespace ijepa {

struct EventPicture {
  int height = 0, width = 0;
  std::string png;  // the file's bytes
};

/// Counts of values between ends that grow by a tenth from each to the next, on both sides of 0.
struct EventHistogram {
  double low = 0, high = 0, count = 0, sum = 0, squares = 0;
  std::vector<double> limits,
      counts;  // upper ends, and how many values lie below and above the last
};

/// Of the finite values.
EventHistogram histogram_of(std::span<const float> values);

struct EventValue {
  std::string tag;  // "loss/train"; what stands before the slash groups
  std::variant<double, EventPicture, EventHistogram> value;
};

/// What is told of one step.
struct StepEvent {
  double wall_time = 0;  // seconds since 1970
  std::int64_t step = 0;
  std::vector<EventValue> values;
};

/// An event as bytes of an event file.
std::string encoded(const StepEvent& event);
/// The two events with which a file begins: its version, and that what was told before of `step`
/// and later ones is void.
std::string encoded_start(double wall_time, std::int64_t step);

/// The event files that a run left in its folder, in the order in which they were begun.
std::vector<std::string> event_files(const std::string& run_dir);

/// Takes the events of `step` and later ones out of the files of a run, and files that hold nothing
/// else; of each, in one atomic step. One that is damaged is kept as damaged_NAME, and what can be
/// read of it stays in its place: sentences say so.
std::vector<std::string> cut_event_files(const std::string& run_dir, std::int64_t step);

/// A name for a new file, behind those that there are by its time.
std::string new_event_file(const std::string& run_dir);

/// The pictures of a run under one tag, by step, at most `most`, spread over the steps. What cannot
/// be read is passed over; `problems_inout` gets a sentence for each damaged file.
struct StepPicture {
  std::int64_t step = 0;
  EventPicture picture;
};
std::vector<StepPicture> read_event_pictures(const std::string& run_dir, std::string_view tag,
                                             std::size_t most,
                                             std::vector<std::string>& problems_inout);

}  // namespace ijepa
