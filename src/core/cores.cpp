#include "ijepa/core/cores.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <thread>
#include <tuple>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// A number of /sys/devices/system/cpu/cpuN/topology; 0 where it is not told.
int topology(int core, const char* what) {
  std::ifstream file(fmt::format("/sys/devices/system/cpu/cpu{}/topology/{}", core, what));
  int value = 0;
  return file >> value ? value : 0;
}

int bound_cores() {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (::sched_getaffinity(0, sizeof cores, &cores) == 0) return std::max(1, CPU_COUNT(&cores));
  // More processors than a fixed set holds: the machine's count is the better answer.
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

std::atomic<int> sharing_processes{1};

}  // namespace

int usable_cores() {
  static const auto quota = cpu_quota();
  const int cores = bound_cores();
  if (!quota) return cores;
  const double mine = quota->cpus / (quota->shared ? sharing_processes.load() : 1);
  return std::clamp(static_cast<int>(std::ceil(mine)), 1, cores);
}

void share_cpu_quota(int processes) {
  sharing_processes = std::max(processes, 1);
}

std::vector<int> allowed_cores() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return {};
  std::vector<std::tuple<int, int, int>> places;
  for (int core = 0; core < CPU_SETSIZE; ++core)
    if (CPU_ISSET(core, &set))
      places.emplace_back(topology(core, "physical_package_id"), topology(core, "core_id"), core);
  std::sort(places.begin(), places.end());
  std::vector<int> cores;
  for (const auto& place : places) cores.push_back(std::get<2>(place));
  return cores;
}

void run_on_cores(const std::vector<int>& cores) {
  cpu_set_t set;
  CPU_ZERO(&set);
  for (const int core : cores) CPU_SET(core, &set);
  check(::sched_setaffinity(0, sizeof set, &set) == 0, "This rank cannot be bound to cores {}: {}.",
        fmt::join(cores, ", "), std::strerror(errno));
}

}  // namespace ijepa
