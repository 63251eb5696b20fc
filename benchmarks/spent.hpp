// Time by the clock and of the processor, which counts where a machine is shared.
#pragma once
#include <chrono>
#include <ctime>

namespace ijepa {

/// Seconds.
struct Spent {
  double wall = 0, processor = 0;
};

/// Since some moment before this process, and by all its threads.
inline Spent now() {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  const std::chrono::duration<double> wall = std::chrono::steady_clock::now().time_since_epoch();
  return {wall.count(), static_cast<double>(t.tv_sec) + 1e-9 * static_cast<double>(t.tv_nsec)};
}

}  // namespace ijepa
