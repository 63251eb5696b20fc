// A whole job ends, soon and with the reason, however one of its ranks fails.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include "ijepa/comm/cluster.hpp"

namespace ijepa::test {
namespace {

struct Ended {
  int code = -1;  // exit code; -1: by a signal
  double seconds = 0;
  std::string output;
};

/// A command whose output is read through a pipe.
class Job {
 public:
  explicit Job(std::vector<std::string> command) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(ends[1], STDOUT_FILENO);
      ::dup2(ends[1], STDERR_FILENO);
      ::close(ends[0]);
      std::vector<char*> arguments;
      for (auto& a : command) arguments.push_back(a.data());
      arguments.push_back(nullptr);
      ::execvp(arguments[0], arguments.data());
      ::_exit(127);
    }
    ::close(ends[1]);
    output_ = ends[0];
  }
  void read_until(const std::string& text) {
    while (ended_.output.find(text) == std::string::npos && read_some()) {
    }
  }
  void signal(int number) const { ::kill(pid_, number); }
  Ended wait() {
    while (read_some()) {
    }
    int status = 0;
    ::waitpid(pid_, &status, 0);
    ::close(output_);
    ended_.code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    ended_.seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    return ended_;
  }

 private:
  bool read_some() {
    std::array<char, 4096> buffer{};
    const auto n = ::read(output_, buffer.data(), buffer.size());
    if (n > 0) ended_.output.append(buffer.data(), static_cast<std::size_t>(n));
    return n > 0;
  }

  pid_t pid_ = 0;
  int output_ = -1;
  Ended ended_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

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
  EXPECT_NE(ended.code, 0);
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
  // mpirun passes Ctrl-C on as SIGTERM and itself ends only after twice this time.
  ::setenv("OMPI_MCA_odls_base_sigkill_timeout", "5", 1);
  Job job(on_ranks(2, "stop"));
  job.read_until("ready");
  job.signal(SIGINT);
  const auto ended = job.wait();
  EXPECT_EQ(count(ended.output, "saved after signal 15"), 1) << ended.output;
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

}  // namespace
}  // namespace ijepa::test
