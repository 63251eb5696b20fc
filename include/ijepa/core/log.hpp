// Log: plain lines on standard error, and the one place that decides which rank speaks.
// A Log is passed to those who speak; there is no global logger.
#pragma once
#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>

namespace ijepa {

/// Takes away what stands on a terminal's line.
constexpr std::string_view erase_line = "\r\x1b[K";

/// Writes to standard error, in one piece. A text without an end of line is a live line, which is
/// painted over and over: the next line of a Log takes it away first.
void write_to_stderr(std::string_view text);
/// Leaves the live line, if one stands, where it is.
void end_live_line();

class Log {
 public:
  /// `rank` is printed before warnings and errors; info lines come from rank 0 alone.
  explicit Log(int rank = 0) : rank_(rank) {}

  template <class... Args>
  void info(fmt::format_string<Args...> text, Args&&... args) const {
    if (rank_ == 0) line(fmt::format(text, std::forward<Args>(args)...));
  }
  /// From any rank, marked with it.
  template <class... Args>
  void warn(fmt::format_string<Args...> text, Args&&... args) const {
    line(fmt::format("warning (rank {}): {}", rank_,
                     fmt::format(text, std::forward<Args>(args)...)));
  }

 private:
  static void line(const std::string& text);  // one write(2) a line, so ranks do not interleave

  int rank_;
};

}  // namespace ijepa
