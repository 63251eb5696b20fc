#include "ijepa/core/cores.hpp"

#include <sched.h>

#include <algorithm>
#include <thread>

namespace ijepa {

int usable_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
  // More processors than a fixed set holds: the machine's count is the better answer.
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace ijepa
