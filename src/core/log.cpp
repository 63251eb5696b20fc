#include "ijepa/core/log.hpp"

#include <unistd.h>

namespace ijepa {

void Log::line(const std::string& text) {
  const std::string whole = text + "\n";
  // A lost log line must not stop a run, so the result is looked at by nobody.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, whole.data(), whole.size());
}

}  // namespace ijepa
