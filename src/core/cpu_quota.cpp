// Quotas of control groups: documentation of the Linux kernel, admin-guide/cgroup-v2.rst
// ("cpu.max") and scheduler/sched-bwc.rst (cpu.cfs_quota_us).
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "ijepa/core/cores.hpp"

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

}  // namespace ijepa
