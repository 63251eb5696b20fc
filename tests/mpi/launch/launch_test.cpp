// A whole job ends, soon and with the reason, however one of its ranks fails.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <csignal>
#include <cstdlib>
#include <sstream>
#include <string>
#include <vector>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/exit_codes.hpp"
#include "tests/support/job.hpp"

namespace ijepa::test {
namespace {

using testing::HasSubstr;
using testing::Not;

std::vector<std::string> on_ranks(int n, const std::string& way) {
  return {IJEPA_MPIEXEC, "-np", std::to_string(n), "--oversubscribe", IJEPA_FAULTY_RANKS, way};
}

int count(const std::string& text, const std::string& part) {
  int n = 0;
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

class Launch : public testing::Test {
 protected:
  Launch() {
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT", "1", 1);
    ::setenv("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1", 1);
  }
};

TEST_F(Launch, AGoodJobEndsWell) {
  const auto ended = Job(on_ranks(2, "fine")).wait();
  EXPECT_EQ(ended.code, 0) << ended.output;
}

TEST_F(Launch, TheBodysCodeIsTheJobs) {
  EXPECT_EQ(Job(on_ranks(2, "three")).wait().code, 3);
}

TEST_F(Launch, AnExceptionOnOneRankEndsTheJobWithItsMessage) {
  for (const char* way : {"throw", "backward"}) {
    const auto ended = Job(on_ranks(4, way)).wait();
    EXPECT_EQ(ended.code, 1) << ended.output;
    EXPECT_EQ(
        count(ended.output, "error on rank 3 of 4 (" + host_name() + "): The sky is falling."), 1)
        << way << ": " << ended.output;
    EXPECT_LT(ended.seconds, 30);
  }
}

TEST_F(Launch, AnExceptionOfAnyTypeEndsTheJob) {
  const auto ended = Job(on_ranks(2, "number")).wait();
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(count(ended.output, "error on rank 0 of 2"), 1) << ended.output;
}

TEST_F(Launch, AKilledRankEndsTheJob) {
  const auto ended = Job(on_ranks(4, "die")).wait();
  EXPECT_EQ(ended.code, 128 + SIGKILL);
  EXPECT_LT(ended.seconds, 30);
}

TEST_F(Launch, DisagreementIsToldOnce) {
  const auto ended = Job(on_ranks(4, "disagree")).wait();
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(count(ended.output,
                  "The ranks disagree on the seed: rank 0 has \"0\", rank 2 has \"1\" "
                  "(different from rank 0: 2, 3)"),
            1)
      << ended.output;
}

TEST_F(Launch, AnErrorWithoutALauncherIsToldWithoutRank) {
  const auto ended = Job({IJEPA_FAULTY_RANKS, "throw"}).wait();
  EXPECT_EQ(ended.code, 1);
  EXPECT_EQ(ended.output, "error: The sky is falling.\n");
}

TEST_F(Launch, SinglesThatSrunDidNotConnectAreRefusedOnce) {
  for (const char* rank : {"0", "1"}) {
    const auto ended = Job({"env", "SLURM_STEP_NUM_TASKS=4", std::string("SLURM_PROCID=") + rank,
                            IJEPA_FAULTY_RANKS, "fine"})
                           .wait();
    EXPECT_EQ(ended.code, 1);
    EXPECT_EQ(count(ended.output, "srun started 4 processes"), rank[0] == '0' ? 1 : 0)
        << ended.output;
  }
}

TEST_F(Launch, AnInterruptedMpirunLetsItsRanksSave) {
  // Open MPI's sends SIGCONT at once, SIGTERM after this time, and SIGKILL and ends after twice it.
  ::setenv("OMPI_MCA_odls_base_sigkill_timeout", "3", 1);
  Job job(on_ranks(2, "stop"));
  job.read_until("ready");
  job.signal(SIGINT);
  const auto ended = job.wait();
  EXPECT_EQ(count(ended.output, "saved after signal 18"), 1) << ended.output;
  EXPECT_EQ(ended.code, 1) << "mpirun's own, whatever the ranks ended with";
  ::unsetenv("OMPI_MCA_odls_base_sigkill_timeout");
}

// The gentle way: mpirun ends with its ranks and passes their code on.
TEST_F(Launch, UserSignalsReachTheRanks) {
  Job job(on_ranks(2, "stop"));
  job.read_until("ready");
  job.signal(SIGUSR1);
  const auto ended = job.wait();
  EXPECT_EQ(ended.code, 0);
  EXPECT_EQ(count(ended.output, "saved after signal 10"), 1) << ended.output;
}

/// The processes of the ranks, as rank 0 tells them.
std::vector<pid_t> processes(Job& job) {
  std::istringstream line(job.read_until("processes:", " ."));
  std::vector<pid_t> pids;
  for (pid_t pid = 0; line >> pid;) pids.push_back(pid);
  return pids;
}

std::string rank_here(int rank) {
  return "rank " + std::to_string(rank) + " (" + host_name() + "; step ";
}

TEST_F(Launch, AStoppedRankIsNamedByTheLowestThatAnswersAndTheJobStartsAgain) {
  for (const std::vector<int>& stopped : {std::vector<int>{0}, {2}, {0, 1}}) {
    Job job(on_ranks(4, "steps"), 60);
    const auto pids = processes(job);
    ASSERT_EQ(pids.size(), 4U);
    for (const int rank : stopped) ::kill(pids[static_cast<std::size_t>(rank)], SIGSTOP);
    const auto ended = job.wait();
    EXPECT_FALSE(ended.hung) << ended.output;
    EXPECT_EQ(ended.code, exit_code::hung) << ended.output;
    EXPECT_LT(ended.seconds, 30);
    const int reporter = stopped[0] != 0 ? 0 : static_cast<int>(stopped.size());
    EXPECT_EQ(count(ended.output, "report: silence by rank " + std::to_string(reporter) + " of 4"),
              1)
        << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("warning (rank " + std::to_string(reporter) +
                                        "): " + rank_here(stopped[0])));
    EXPECT_EQ(count(ended.output, "LATE"), static_cast<int>(stopped.size())) << ended.output;
  }
}

TEST_F(Launch, ARankThatIsKilledWhileItIsWatchedEndsTheJob) {
  for (const std::size_t victim : {0U, 2U}) {
    Job job(on_ranks(4, "steps"), 60);
    const auto pids = processes(job);
    ASSERT_EQ(pids.size(), 4U);
    ::kill(pids[victim], SIGKILL);
    const auto ended = job.wait();
    EXPECT_FALSE(ended.hung) << ended.output;
    EXPECT_EQ(ended.code, 128 + SIGKILL) << ended.output;
  }
}

TEST_F(Launch, AStandstillNamesTheRankThatTheOthersWaitFor) {
  const auto ended = Job(on_ranks(3, "wait"), 60).wait();
  EXPECT_EQ(ended.code, exit_code::hung) << ended.output;
  EXPECT_EQ(count(ended.output, "report: standstill by rank 0 of 3"), 1) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("waiting for " + rank_here(1) + "20, loader"));
  EXPECT_THAT(ended.output, HasSubstr("the others wait for " + rank_here(1) + "20, loader"));
}

TEST_F(Launch, ASlowRankThatGetsOnIsWaitedFor) {
  const auto ended = Job(on_ranks(3, "slow"), 60).wait();
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("waiting for " + rank_here(1) + "20, loader"));
}

TEST_F(Launch, ASignalThatCannotBeObeyedEndsTheJobAfterTheGrace) {
  Job job(on_ranks(2, "obey never"), 60);
  job.read_until("ready");
  job.signal(SIGUSR1);
  const auto ended = job.wait();
  EXPECT_EQ(ended.code, exit_code::hung) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("A signal came, but no rank has got on for"));
  EXPECT_LT(ended.seconds, 30);
}

TEST_F(Launch, ARepeatedSignalDoesNotDisturbASave) {
  Job job(on_ranks(2, "save slowly"), 60);
  const auto pids = processes(job);
  for (int repeat = 0; repeat < 2; ++repeat) {
    for (const pid_t pid : pids) ::kill(pid, SIGTERM);
    ::usleep(500'000);
  }
  const auto ended = job.wait();
  EXPECT_EQ(ended.code, exit_code::saved) << ended.output;
}

// What ends a process needs neither memory nor a lock.
TEST_F(Launch, AProcessWhoseAllocatorAndLoaderAreLockedEndsInTime) {
  for (const char* way : {"lock the watch", "lock the report"}) {
    const auto ended = Job({IJEPA_FAULTY_RANKS, way}, 40).wait();
    EXPECT_FALSE(ended.hung) << way << ": " << ended.output;
    EXPECT_EQ(ended.code, exit_code::hung) << way << ": " << ended.output;
  }
}

TEST_F(Launch, TheStartNamesTheRankThatTheOthersWaitFor) {
  const auto ended = Job(on_ranks(3, "start late"), 60).wait();
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("waiting for " + rank_here(1) + "0, start-up for"));
}

TEST_F(Launch, TheStartTellsThatARankIsMissing) {
  ::setenv("LATE_RANK", "1", 1);
  const auto ended = Job(on_ranks(2, "fine"), 60).wait();
  ::unsetenv("LATE_RANK");
  EXPECT_EQ(ended.code, 0) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("rank 0 on " + host_name() + " has been waiting for 1 s"));
}

}  // namespace
}  // namespace ijepa::test
