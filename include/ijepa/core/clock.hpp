// How long something took.
#pragma once

#include <chrono>

namespace ijepa {

/// The clock of durations: never set back.
using Clock = std::chrono::steady_clock;

/// Seconds since `start`.
inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

}  // namespace ijepa
