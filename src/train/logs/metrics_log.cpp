#include "ijepa/train/logs/metrics_log.hpp"

#include <fmt/chrono.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

struct Column {
  const char* name;
  std::string (*text)(const StepMetrics&);
};

template <auto member>
std::string text_of(const StepMetrics& m) {
  // Nine digits tell all float32 values apart.
  if constexpr (std::is_floating_point_v<std::decay_t<decltype(m.*member)>>) {
    return fmt::format("{:.9g}", m.*member);
  } else {
    return fmt::format("{}", m.*member);
  }
}

constexpr std::array<Column, 16> columns{
    {{"epoch", text_of<&StepMetrics::epoch>},
     {"itr", text_of<&StepMetrics::iteration>},
     {"loss", text_of<&StepMetrics::loss>},
     {"mask-A", text_of<&StepMetrics::context_tokens>},
     {"mask-B", text_of<&StepMetrics::target_tokens>},
     {"time (ms)", text_of<&StepMetrics::milliseconds>},
     {"lr", text_of<&StepMetrics::learning_rate>},
     {"weight_decay", text_of<&StepMetrics::weight_decay>},
     {"momentum", text_of<&StepMetrics::momentum>},
     {"encoder_gradient_norm", text_of<&StepMetrics::encoder_gradient>},
     {"predictor_gradient_norm", text_of<&StepMetrics::predictor_gradient>},
     {"images_per_second", text_of<&StepMetrics::images_per_second>},
     {"data_wait", text_of<&StepMetrics::data_wait>},
     {"rank_wait", text_of<&StepMetrics::rank_wait>},
     {"memory_mib", text_of<&StepMetrics::memory_mib>},
     {"step", text_of<&StepMetrics::step>}}};

std::string joined_names(std::size_t count) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < count; ++i) names.emplace_back(columns.at(i).name);
  return fmt::format("{}", fmt::join(names, ","));
}

using RowKey = std::pair<std::int64_t, std::int64_t>;  // epoch, iteration

/// The key of a row, or nothing where the line is no row of a table of so many columns.
std::optional<RowKey> key_of(std::string_view line, std::size_t fields = columns.size()) {
  if (std::count(line.begin(), line.end(), ',') + 1 != static_cast<std::ptrdiff_t>(fields))
    return {};
  RowKey key;
  const char* end = line.data() + line.size();
  const auto epoch = std::from_chars(line.data(), end, key.first);
  if (epoch.ec != std::errc() || *epoch.ptr != ',') return {};
  const auto iteration = std::from_chars(epoch.ptr + 1, end, key.second);
  if (iteration.ec != std::errc() || *iteration.ptr != ',') return {};
  return key;
}

/// The whole lines of `text`, without their ends.
std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> lines;
  for (auto end = text.find('\n'); end != std::string_view::npos; end = text.find('\n')) {
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end + 1);
  }
  return lines;
}

/// The header and the rows of `text` before `next`, in their order.
std::string rows_before(std::string_view text, const RowPlace& next) {
  std::string kept;
  for (const auto line : lines_of(text)) {
    const auto key = key_of(line);
    if (kept.empty() || (key && *key < RowKey{next.epoch, next.iteration}))
      kept += std::string(line) + "\n";
  }
  return kept;
}

/// A table from before its last column, the step, was there: with it.
std::string with_steps(std::string_view text, std::int64_t steps_per_epoch) {
  std::string out = MetricsLog::header() + "\n";
  for (const auto line : lines_of(text))
    if (const auto key = key_of(line, columns.size() - 1))
      out += fmt::format("{},{}\n", line, (key->first - 1) * steps_per_epoch + key->second + 1);
  return out;
}

std::string free_name(const std::string& path) {
  int i = 1;
  while (fs::exists(fmt::format("{}.{}", path, i))) ++i;
  return fmt::format("{}.{}", path, i);
}

/// Leaves at `path` a file with this header and the rows before `next`, and returns the path.
const std::string& prepared(const std::string& path, const RowPlace& next, const Log& log) {
  const std::string header = MetricsLog::header() + "\n";
  const std::string text = fs::exists(path) ? read_text_file(path) : "";
  if (text.starts_with(joined_names(columns.size() - 1) + "\n")) {
    write_file_atomically(path, rows_before(with_steps(text, next.steps_per_epoch), next));
  } else if (text.empty() || header.starts_with(text)) {
    write_file_atomically(path, header);
  } else if (text.starts_with(header)) {
    const std::string kept = rows_before(text, next);
    if (kept != text) write_file_atomically(path, kept);
  } else {
    const std::string aside = free_name(path);
    fs::rename(path, aside);
    log.warn("{} has other columns than this program writes; it is kept as {}.", path, aside);
    write_file_atomically(path, header);
  }
  return path;
}

/// Bytes up to and including the last line break.
std::int64_t whole_lines(const File& file) {
  constexpr std::int64_t block = 4096;
  std::array<char, block> bytes;
  std::int64_t end = file.size();
  while (end > 0) {
    const std::int64_t begin = std::max<std::int64_t>(0, end - block);
    file.read(begin, bytes.data(), static_cast<std::size_t>(end - begin));
    const std::string_view part(bytes.data(), static_cast<std::size_t>(end - begin));
    const auto at = part.rfind('\n');
    if (at != std::string_view::npos) return begin + static_cast<std::int64_t>(at) + 1;
    end = begin;
  }
  return 0;
}

}  // namespace

LineFile::LineFile(const std::string& path, Log log) : log_(log), file_(path, File::Mode::append) {
  drop_torn_line();
}

void LineFile::drop_torn_line() {
  const std::int64_t whole = whole_lines(file_);
  if (whole < file_.size()) file_.truncate(whole);
  torn_ = false;
}

void LineFile::append(std::string_view line) {
  const std::string whole = std::string(line) + "\n";
  try {
    if (torn_) drop_torn_line();
    torn_ = true;
    file_.write(file_.size(), whole.data(), whole.size());
    torn_ = false;
  } catch (const Error& error) {
    if (dropped_++ == 0) {
      log_.warn("{} The run goes on; lines of {} are lost until writing works again.", error.what(),
                file_.path());
    }
    try {
      drop_torn_line();
    } catch (const Error&) {
      // The next line or the next opening does it.
    }
  }
}

std::string MetricsLog::header() {
  return joined_names(columns.size());
}

MetricsLog::MetricsLog(const std::string& path, const RowPlace& next, const Log& log)
    : lines_(prepared(path, next, log), log) {}

void MetricsLog::append(const StepMetrics& metrics) {
  std::vector<std::string> values;
  for (const auto& column : columns) values.push_back(column.text(metrics));
  lines_.append(fmt::format("{}", fmt::join(values, ",")));
}

void EventLog::write(std::string_view event, const nlohmann::json& fields) {
  nlohmann::ordered_json line;
  line["time"] = fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(std::time(nullptr)));
  line["event"] = event;
  for (const auto& [key, value] : fields.items()) line[key] = value;
  // Paths and messages may hold bytes that are not UTF-8; they must not stop a run.
  lines_.append(line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

}  // namespace ijepa
