#include "ijepa/core/log.hpp"

#include <unistd.h>

#include <atomic>

namespace ijepa {
namespace {

std::atomic<bool> live_line_stands{false};

}  // namespace

void write_to_stderr(std::string_view text) {
  live_line_stands = !text.empty() && !text.ends_with('\n') && !text.ends_with(erase_line);
  // A lost line must not stop a run, so the result is looked at by nobody.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, text.data(), text.size());
}

void end_live_line() {
  if (live_line_stands) write_to_stderr("\n");
}

void Log::line(const std::string& text) {
  write_to_stderr((live_line_stands ? std::string(erase_line) : "") + text + "\n");
}

}  // namespace ijepa
