// Error: the one exception type of the project. Messages are whole sentences that say what is
// wrong, where, and what to do; the program's main prints them with the rank and exits non-zero.
#pragma once
#include <fmt/format.h>

#include <stdexcept>
#include <string>
#include <utility>

namespace ijepa {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// Work ended early because a signal asked for it; nothing is lost, starting again goes on.
class Interrupted : public Error {
 public:
  using Error::Error;
};

/// Throws Error with the formatted message.
template <class... Args>
[[noreturn]] void fail(fmt::format_string<Args...> text, Args&&... args) {
  throw Error(fmt::format(text, std::forward<Args>(args)...));
}

/// Throws Error with the formatted message unless `ok`.
template <class... Args>
void check(bool ok, fmt::format_string<Args...> text, Args&&... args) {
  if (!ok) fail(text, std::forward<Args>(args)...);
}

}  // namespace ijepa
