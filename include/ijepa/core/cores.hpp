// Cores: which processors this process may use, as its launcher bound it, and how much of their
// time.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ijepa {

/// How many threads of this process can run at a time: its share of what it is bound to and of
/// cpu_quota(), rounded up. At least 1. A rank bound to two cores of a large node gets 2.
int usable_cores();
/// As many threads as were asked for; 0 or less: usable_cores().
inline int threads_or_cores(std::int64_t asked) {
  return asked > 0 ? static_cast<int>(asked) : usable_cores();
}

/// Their numbers, in an order in which neighbours share a core, then a package; empty where the
/// system does not tell.
std::vector<int> allowed_cores();

/// The calling thread, and those it starts from now on, run on these only.
void run_on_cores(const std::vector<int>& cores);

/// Time of processors that a process gets, in processors.
struct CpuQuota {
  double cpus = 0;
  std::string source;  // "cpu.max of /sys/fs/cgroup/job", "SLURM_CPUS_PER_TASK"
  bool shared = true;  // by all processes of this job on the machine
};

/// The smallest that is set by a control group of this process or one around it (versions 1 and 2),
/// or by Slurm; none: all that it is bound to. `root` holds /proc and /sys, for tests.
std::optional<CpuQuota> cpu_quota(const std::string& root = "");

/// So many processes of this job share the quota of this machine; usable_cores() goes by that.
void share_cpu_quota(int processes);

}  // namespace ijepa
