#include "ijepa/comm/deadline.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <chrono>
#include <ctime>
#include <limits>

namespace ijepa {
namespace {

double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

/// "2026-11-25T14:00:00" in this machine's time zone, as Slurm prints it; nothing for "N/A",
/// "Unknown" and "NONE".
std::optional<double> unix_time_of(const std::string& text) {
  std::tm parts{};
  const char* end = ::strptime(text.c_str(), "%Y-%m-%dT%H:%M:%S", &parts);
  if (end == nullptr) return std::nullopt;
  parts.tm_isdst = -1;
  return static_cast<double>(std::mktime(&parts));
}

std::optional<double> number_of(const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string value_of(const Environment& environment, const char* name) {
  const auto found = environment.find(name);
  return found == environment.end() ? "" : found->second;
}

}  // namespace

std::string_view text_of(StopReason reason) {
  constexpr std::array<std::string_view, 4> texts{
      "", "after the time asked for", "before the job's time is over", "after a signal"};
  return texts.at(static_cast<std::size_t>(reason));
}

void Deadline::saved_in(double seconds) {
  longest_save_ = std::max(longest_save_, seconds);
}

double Deadline::needed_seconds() const {
  return 2 * save_seconds() + 2 * step_;
}

StopReason Deadline::due(double now) const {
  if (settings_.job_seconds &&
      now + needed_seconds() + settings_.margin_seconds >= *settings_.job_seconds)
    return StopReason::job_ends;
  if (settings_.slice_seconds > 0 && now + needed_seconds() >= settings_.slice_seconds)
    return StopReason::slice_done;
  return StopReason::none;
}

double Deadline::seconds_left(double now) const {
  double end = std::numeric_limits<double>::infinity();
  if (settings_.job_seconds) end = *settings_.job_seconds - settings_.margin_seconds;
  if (settings_.slice_seconds > 0) end = std::min(end, settings_.slice_seconds);
  return end - needed_seconds() - now;
}

std::optional<double> seconds_to_job_end(
    const Environment& environment, const Log& log,
    const std::function<std::string(const std::string&)>& ask) {
  const std::string job = value_of(environment, "SLURM_JOB_ID");
  const bool is_number = !job.empty() && std::all_of(job.begin(), job.end(), [](unsigned char c) {
    return std::isdigit(c) != 0;
  });
  if (!is_number) return std::nullopt;
  if (const auto end = number_of(value_of(environment, "SLURM_JOB_END_TIME")))
    return *end - wall_seconds();
  const std::string plain_times = "env SLURM_TIME_FORMAT=standard ";
  std::string answer = ask(plain_times + "squeue -h -j " + job + " -o %e");
  if (answer.empty()) {
    const std::string line = ask(plain_times + "scontrol -o show job " + job);
    const std::string field = " EndTime=";
    const auto at = line.find(field);
    if (at != std::string::npos)
      answer = line.substr(at + field.size(), line.find(' ', at + 1) - at - field.size());
  }
  if (answer.empty())
    log.info(
        "note: neither squeue nor scontrol tells when job {} ends: the run stops in time only at a "
        "signal (sbatch --signal) or with --max-seconds.",
        job);
  const auto end = unix_time_of(answer);
  return end ? std::optional(*end - wall_seconds()) : std::nullopt;
}

}  // namespace ijepa
