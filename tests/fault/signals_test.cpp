// Signals never meet a thread that computes: machine code of libraries may be destroyed by a
// handler's frame, and then the run crashes instead of saving, or learns something else.
#include <atomic>
#include <thread>

#include "tests/support/devices.hpp"
#include "tests/support/pretrain_program.hpp"
#include "tests/support/trials.hpp"

namespace ijepa::test {
namespace {

using namespace std::chrono_literals;

class Signals : public PretrainProgram {
 protected:
  Words training(const std::string& run, const std::string& kernels, int last,
                 int threads = 1) const {
    return command({run_dir(run), "compute.cpu_kernels=" + kernels,
                    "compute.threads=" + std::to_string(threads), "optim.epochs=1000000",
                    "run.log_every=1", steps(last)});
  }
  static Words profiled(const Words& command) {
    return Words{"env", std::string("LD_PRELOAD=") + IJEPA_PROFILER} + command;
  }
};

/// A mask of /proc/PID/task/TID/status, such as SigBlk.
std::uint64_t mask_of(const std::string& status, const std::string& name) {
  const auto at = status.find(name + ":");
  return at == std::string::npos ? 0
                                 : std::stoull(status.substr(at + name.size() + 1), nullptr, 16);
}

bool has(std::uint64_t mask, int signal) {
  return (mask >> (signal - 1) & 1) != 0;
}

TEST_F(Signals, OnlyTheGuardRunsHandlersOfOthers) {
  Job job(profiled(training("run", "avx2", 1'000'000, 2)));
  ASSERT_TRUE(job.read_until("step 3/")) << job.wait().output;
  int threads = 0, guards = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator("/proc/" + std::to_string(job.pid()) + "/task")) {
    const std::string status = read_text(entry.path() / "status");
    const bool guard = read_text(entry.path() / "comm") == "guard\n";
    const auto blocked = mask_of(status, "SigBlk");
    for (const int signal : {SIGINT, SIGTERM, SIGUSR1, SIGUSR2, SIGCONT})
      EXPECT_TRUE(guard || has(blocked, signal)) << "signal " << signal << " of " << status;
    EXPECT_TRUE(has(mask_of(status, "SigCgt"), SIGPROF));
    for (const int signal : {SIGPROF, SIGCHLD, SIGVTALRM, SIGRTMIN + 3})
      EXPECT_EQ(has(blocked, signal), !guard) << "signal " << signal << " of " << status;
    EXPECT_FALSE(guard && has(blocked, SIGALRM)) << "it ends a process";
    ++threads;
    guards += guard ? 1 : 0;
  }
  EXPECT_GE(threads, 4) << "OpenMP's, the loader's, the guard and the main one";
  EXPECT_EQ(guards, 1);
  job.signal(SIGTERM);
  EXPECT_EQ(job.wait().code, 85);
}

// With each set of kernels; IJEPA_FAULT_TRIALS=N for N thousand signals.
TEST_F(Signals, ThousandsDuringFloat32TrainingLeaveItsBits) {
  for (const std::string& kernels : all_kernels()) {
    const std::string run_name = "disturbed_" + kernels, straight = "undisturbed_" + kernels;
    Job job(profiled(training(run_name, kernels, 1'000'000)), 3600);
    ASSERT_TRUE(job.read_until("step 2/")) << job.wait().output;
    std::atomic<bool> enough{false};
    std::thread sender([&] {
      while (!enough) {
        job.signal(SIGPROF);
        std::this_thread::sleep_for(20us);
      }
    });
    const bool came = job.read_until("profiler: " + std::to_string(trials(2)) + "000 signals");
    enough = true;
    sender.join();
    job.signal(SIGTERM);
    const Ended ended = job.wait();
    EXPECT_TRUE(came) << ended.output;
    ASSERT_EQ(ended.code, 85) << kernels << ": " << ended.output;
    const int last = static_cast<int>(read_metrics(path(run_name)).size()) + 5;
    for (const auto& name : {run_name, straight})
      EXPECT_EQ(run(training(name, kernels, last)).code, 0) << name;
    expect_same_run(path(straight), path(run_name), kernels);
  }
}

}  // namespace
}  // namespace ijepa::test
