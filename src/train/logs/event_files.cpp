#include "ijepa/train/logs/event_files.hpp"

#include <tensorboard.pb.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>
#include <filesystem>
#include <map>

#include "event_record.hpp"
#include "ijepa/comm/cluster.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;
namespace pb = tensorboard;

// TensorBoard looks for "tfevents" in a name and goes through files in the order of their names.
constexpr std::string_view name_begin = "events.out.tfevents.", name_end = ".ijepa";

bool is_event_file(const std::string& name) {
  return name.starts_with(name_begin) && name.ends_with(name_end);
}

/// Seconds since 1970 in a file's name.
std::int64_t time_in(const std::string& path) {
  const auto name = fs::path(path).filename().string();
  std::int64_t time = 0;
  std::from_chars(name.data() + name_begin.size(), name.data() + name.size(), time);
  return time;
}

void put(const EventValue& from, pb::Summary::Value& to) {
  to.set_tag(from.tag);
  if (const auto* number = std::get_if<double>(&from.value)) {
    to.set_simple_value(static_cast<float>(*number));
  } else if (const auto* picture = std::get_if<EventPicture>(&from.value)) {
    to.mutable_image()->set_height(picture->height);
    to.mutable_image()->set_width(picture->width);
    to.mutable_image()->set_colorspace(3);
    to.mutable_image()->set_encoded_image_string(picture->png);
  } else {
    const auto& h = std::get<EventHistogram>(from.value);
    auto& out = *to.mutable_histo();
    out.set_min(h.low), out.set_max(h.high), out.set_num(h.count);
    out.set_sum(h.sum), out.set_sum_squares(h.squares);
    for (const double limit : h.limits) out.add_bucket_limit(limit);
    for (const double count : h.counts) out.add_bucket(count);
  }
}

/// What is left of a file without the events of `step` and later ones.
struct Cut {
  std::string text;   // of the events that stay
  bool told = false;  // whether any of them tells something of a step
  bool damaged = false;
};

Cut cut_before(const std::string& text, std::int64_t step) {
  Cut cut;
  RecordReader reader(text);
  std::string_view message;
  for (std::size_t begin = 0; reader.next(message); begin = reader.position()) {
    pb::Event event;
    if (!event.ParseFromArray(message.data(), static_cast<int>(message.size()))) {
      cut.damaged = true;
      continue;
    }
    const bool head = event.what_case() != pb::Event::kSummary;
    if (!head && event.step() >= step) continue;
    cut.told = cut.told || !head;
    cut.text += text.substr(begin, reader.position() - begin);
  }
  cut.damaged = cut.damaged || reader.damaged();
  return cut;
}

/// A temporary file beside it under its name would be one more event file.
void replace(const fs::path& path, const std::string& text) {
  const fs::path part = path.parent_path() / "event_file.part";
  {
    File file(part.string(), File::Mode::create);
    file.write(0, text.data(), text.size());
    file.sync();
  }
  fs::rename(part, path);
}

}  // namespace

std::string encoded(const StepEvent& event) {
  pb::Event out;
  out.set_wall_time(event.wall_time);
  out.set_step(event.step);
  for (const auto& value : event.values) put(value, *out.mutable_summary()->add_value());
  return framed_record(out.SerializeAsString());
}

std::string encoded_start(double wall_time, std::int64_t step) {
  pb::Event version, start;
  version.set_wall_time(wall_time);
  version.set_file_version("brain.Event:2");
  start.set_wall_time(wall_time);
  start.set_step(step);
  start.mutable_session_log()->set_status(pb::SessionLog::START);
  return framed_record(version.SerializeAsString()) + framed_record(start.SerializeAsString());
}

EventHistogram histogram_of(std::span<const float> values) {
  constexpr double smallest = 1e-12, growth = 1.1;
  EventHistogram out;
  std::map<double, std::pair<double, double>> counts;  // upper end -> lower end, values
  for (const float value : values) {
    if (!std::isfinite(value)) continue;
    const double v = value, size = std::abs(v);
    out.low = out.count == 0 ? v : std::min(out.low, v);
    out.high = out.count == 0 ? v : std::max(out.high, v);
    ++out.count, out.sum += v, out.squares += v * v;
    std::pair ends{-smallest, smallest};
    if (size >= smallest) {
      const double power = std::floor(std::log(size / smallest) / std::log(growth));
      const double inner = smallest * std::pow(growth, power), outer = inner * growth;
      ends = v > 0 ? std::pair{inner, outer} : std::pair{-outer, -inner};
    }
    auto& [low, count] = counts[ends.second];
    low = ends.first;
    ++count;
  }
  // Readers spread a count from the limit before it, so a gap has a limit of its own.
  for (const auto& [high, entry] : counts) {
    const auto [low, count] = entry;
    if (out.limits.empty() || low - out.limits.back() > 1e-3 * (high - low)) {
      out.limits.push_back(low);
      out.counts.push_back(0);
    }
    out.limits.push_back(high);
    out.counts.push_back(count);
  }
  return out;
}

std::vector<std::string> event_files(const std::string& run_dir) {
  std::vector<std::string> files;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(run_dir, none))
    if (is_event_file(entry.path().filename().string())) files.push_back(entry.path().string());
  std::ranges::sort(files);
  return files;
}

std::vector<std::string> cut_event_files(const std::string& run_dir, std::int64_t step) {
  std::vector<std::string> problems;
  for (const auto& name : event_files(run_dir)) {
    const fs::path path = name;
    const auto text = read_text_file(name);
    const auto cut = cut_before(text, step);
    if (cut.damaged) {
      const auto aside =
          path.parent_path() / ("damaged_" + path.filename().string().substr(name_begin.size()));
      fs::copy_file(path, aside, fs::copy_options::overwrite_existing);
      problems.push_back(fmt::format("{} is damaged and kept as {}; what can be read of it stays.",
                                     name, aside.string()));
    }
    if (!cut.told) {
      fs::remove(path);
    } else if (cut.text != text) {
      replace(path, cut.text);
    }
  }
  return problems;
}

std::string new_event_file(const std::string& run_dir) {
  using namespace std::chrono;
  auto time = duration_cast<seconds>(system_clock::now().time_since_epoch()).count();
  const auto files = event_files(run_dir);
  if (!files.empty()) time = std::max<std::int64_t>(time, time_in(files.back()) + 1);
  return (fs::path(run_dir) /
          fmt::format("{}{:010}.{}.{}{}", name_begin, time, host_name(), ::getpid(), name_end))
      .string();
}

std::vector<StepPicture> read_event_pictures(const std::string& run_dir, std::string_view tag,
                                             std::size_t most,
                                             std::vector<std::string>& problems_inout) {
  std::map<std::int64_t, EventPicture> pictures;
  for (const auto& name : event_files(run_dir)) {
    const auto text = read_text_file(name);
    RecordReader reader(text);
    std::string_view message;
    while (reader.next(message)) {
      pb::Event event;
      if (!event.ParseFromArray(message.data(), static_cast<int>(message.size()))) continue;
      for (const auto& value : event.summary().value())
        if (value.has_image() && value.tag() == tag)
          pictures[event.step()] = {value.image().height(), value.image().width(),
                                    value.image().encoded_image_string()};
    }
    if (reader.damaged())
      problems_inout.push_back(
          fmt::format("The event file {} is damaged after {} bytes; what is before is shown.", name,
                      reader.position()));
  }
  std::vector<StepPicture> all, spread;
  for (auto& [step, picture] : pictures) all.push_back({step, std::move(picture)});
  const std::size_t shown = std::min(most, all.size());
  for (std::size_t i = 0; i < shown; ++i)
    spread.push_back(all[shown == 1 ? all.size() - 1 : i * (all.size() - 1) / (shown - 1)]);
  return spread;
}

}  // namespace ijepa
