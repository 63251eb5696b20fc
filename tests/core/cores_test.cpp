#include "ijepa/core/cores.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ijepa/core/error.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa {
namespace {

TEST(Cores, AThreadAndThoseItStartsRunWhereTheyAreTold) {
  const auto all = allowed_cores();
  if (!cpu_quota()) {
    ASSERT_EQ(static_cast<int>(all.size()), usable_cores());
  }
  std::thread([&] {
    run_on_cores({all.back()});
    EXPECT_EQ(allowed_cores(), std::vector<int>{all.back()});
    std::thread([] { EXPECT_EQ(usable_cores(), 1); }).join();
  }).join();
  EXPECT_EQ(allowed_cores(), all) << "other threads stay";
}

TEST(Cores, NoCoreIsAnError) {
  EXPECT_THROW(run_on_cores({}), Error);
}

/// Files of /proc and /sys as a process in some control group sees them.
class CpuQuotaTest : public testing::Test {
 protected:
  CpuQuotaTest() {
    for (const char* name : {"SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"}) ::unsetenv(name);
  }
  void write(const std::string& path, const std::string& text) {
    const auto file = folder_.path() / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file) << text;
  }
  void version_2(const std::string& group, const std::string& top = "/") {
    write("proc/self/cgroup", "0::" + group + "\n");
    write("proc/self/mountinfo",
          "30 23 0:27 " + top + " /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n");
  }
  std::string found() {
    const auto quota = cpu_quota(folder_.path().string());
    return quota ? fmt::format("{} by {}", quota->cpus, quota->source) : "none";
  }

 private:
  test::TemporaryFolder folder_;
};

TEST_F(CpuQuotaTest, IsTheSmallestOfTheGroupAndThoseAroundIt) {
  version_2("/job/step/task");
  EXPECT_EQ(found(), "none");
  write("sys/fs/cgroup/job/step/task/cpu.max", "max 100000\n");
  EXPECT_EQ(found(), "none");
  write("sys/fs/cgroup/job/cpu.max", "150000 100000\n");
  EXPECT_EQ(found(), "1.5 by cpu.max of /sys/fs/cgroup/job");
  write("sys/fs/cgroup/job/step/cpu.max", "400000 100000\n");
  EXPECT_EQ(found(), "1.5 by cpu.max of /sys/fs/cgroup/job");
  write("sys/fs/cgroup/job/step/task/cpu.max", "25000 50000\n");
  EXPECT_EQ(found(), "0.5 by cpu.max of /sys/fs/cgroup/job/step/task");
}

TEST_F(CpuQuotaTest, IsFoundInContainersThatSeeTheirOwnGroupAsTheTop) {
  write("sys/fs/cgroup/cpu.max", "200000 100000\n");
  for (const auto& [group, top] :
       {std::pair{"/", "/"},
        {"/../../kubepods/pod1", "/"},     // a group outside of what is seen
        {"/docker/12ab", "/docker/12ab"},  // version 2 of old runtimes
        {"/docker/12ab", "/"}}) {
    version_2(group, top);
    EXPECT_EQ(found(), "2 by cpu.max of /sys/fs/cgroup") << group << " below " << top;
  }
}

TEST_F(CpuQuotaTest, OfVersion1AndBesideVersion2) {
  write("proc/self/cgroup", "4:cpu,cpuacct:/slurm/job_7\n3:cpuset:/slurm\n0::/user.slice\n");
  write("proc/self/mountinfo",
        "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
        "33 31 0:30 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n");
  write("sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_quota_us", "-1\n");
  write("sys/fs/cgroup/cpu,cpuacct/slurm/job_7/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(found(), "none");
  write("sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_quota_us", "300000\n");
  write("sys/fs/cgroup/cpu,cpuacct/slurm/cpu.cfs_period_us", "100000\n");
  EXPECT_EQ(found(), "3 by cpu.cfs_quota_us of /sys/fs/cgroup/cpu,cpuacct/slurm");
  write("sys/fs/cgroup/unified/user.slice/cpu.max", "100000 100000\n");
  EXPECT_EQ(found(), "1 by cpu.max of /sys/fs/cgroup/unified/user.slice");
}

TEST_F(CpuQuotaTest, IsWhatSlurmGaveToATaskOrToAllOfThemOnTheNode) {
  ::setenv("SLURM_CPUS_ON_NODE", "4", 1);
  EXPECT_EQ(found(), "4 by SLURM_CPUS_ON_NODE");
  ::setenv("SLURM_CPUS_PER_TASK", "2", 1);
  EXPECT_EQ(found(), "2 by SLURM_CPUS_PER_TASK");
  version_2("/");
  write("sys/fs/cgroup/cpu.max", "100000 100000\n");
  EXPECT_EQ(found(), "1 by cpu.max of /sys/fs/cgroup");
  for (const char* name : {"SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"}) ::unsetenv(name);
}

TEST_F(CpuQuotaTest, BrokenFilesAreNoLimit) {
  version_2("/job");
  for (const char* text : {"", "max", "0 100000", "100000", "x y", "-5 100000"}) {
    write("sys/fs/cgroup/job/cpu.max", text);
    EXPECT_EQ(found(), "none") << text;
  }
}

}  // namespace
}  // namespace ijepa
