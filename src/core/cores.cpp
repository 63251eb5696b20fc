#include "ijepa/core/cores.hpp"

#include <fmt/format.h>
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>
#include <tuple>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

/// A mounted hierarchy of control groups: the group `top` of it is seen at `folder`.
struct Hierarchy {
  bool unified = false;  // version 2
  std::string top, folder;
};

bool lists(const std::string& names, const std::string& name) {
  return ("," + names + ",").find("," + name + ",") != std::string::npos;
}

/// Those that can limit processors. A line of mountinfo: "ID PARENT DEVICE TOP FOLDER OPTIONS
/// [TAG]... - TYPE SOURCE OPTIONS".
std::vector<Hierarchy> hierarchies(const std::string& root) {
  std::vector<Hierarchy> found;
  std::ifstream mounts(root + "/proc/self/mountinfo");
  for (std::string line; std::getline(mounts, line);) {
    const auto dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    std::istringstream before(line), after(line.substr(dash + 3));
    std::string skip, top, folder, type, source, options;
    before >> skip >> skip >> skip >> top >> folder;
    after >> type >> source >> options;
    if (type == "cgroup2" || (type == "cgroup" && lists(options, "cpu")))
      found.push_back({type == "cgroup2", top, folder});
  }
  return found;
}

/// The group of this process in a hierarchy: "0::GROUP" or "ID:cpu,cpuacct:GROUP".
std::string group_in(const Hierarchy& hierarchy, const std::string& root) {
  std::ifstream groups(root + "/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (second == std::string::npos) continue;
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (hierarchy.unified ? controllers.empty() : lists(controllers, "cpu"))
      return line.substr(second + 1);
  }
  return "/";
}

/// What one group's files say; 0: no limit.
double limit_of(const Hierarchy& hierarchy, const fs::path& folder) {
  double quota = 0, period = 0;
  if (hierarchy.unified) {
    std::ifstream(folder / "cpu.max") >> quota >> period;  // "max PERIOD" is no number
  } else {
    std::ifstream(folder / "cpu.cfs_quota_us") >> quota;  // -1: none
    std::ifstream(folder / "cpu.cfs_period_us") >> period;
  }
  return quota > 0 && period > 0 ? quota / period : 0;
}

void keep_smaller(std::optional<CpuQuota>& smallest, CpuQuota other) {
  if (other.cpus > 0 && (!smallest || other.cpus < smallest->cpus)) smallest = std::move(other);
}

void look_at(const Hierarchy& hierarchy, const std::string& root,
             std::optional<CpuQuota>& smallest) {
  const fs::path top = hierarchy.folder;
  fs::path group = fs::path(group_in(hierarchy, root)).lexically_relative(hierarchy.top);
  // A container may see a hierarchy from its own group on, and be told a group from outside of it.
  if (group.empty() || *group.begin() == ".." || !fs::exists(root + (top / group).string()))
    group = ".";
  for (fs::path at = (top / group).lexically_normal();; at = at.parent_path()) {
    if (!at.has_filename()) at = at.parent_path();
    const char* file = hierarchy.unified ? "cpu.max" : "cpu.cfs_quota_us";
    keep_smaller(smallest, {limit_of(hierarchy, root + at.string()),
                            std::string(file) + " of " + at.string(), true});
    if (at == top || at == at.parent_path()) return;
  }
}

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

std::optional<CpuQuota> cpu_quota(const std::string& root) {
  std::optional<CpuQuota> smallest;
  for (const Hierarchy& hierarchy : hierarchies(root)) look_at(hierarchy, root, smallest);
  // Without its plug-in for binding Slurm lets a job see all cores of a node.
  for (const auto& [name, shared] :
       {std::pair{"SLURM_CPUS_PER_TASK", false}, {"SLURM_CPUS_ON_NODE", true}}) {
    const char* value = std::getenv(name);
    if (value == nullptr) continue;
    keep_smaller(smallest, {std::atof(value), name, shared});
    break;
  }
  return smallest;
}

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
