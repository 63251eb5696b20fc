// SlurmCluster: a real Slurm of emulated nodes (cluster.sh) that lives as long as its object, and
// what tests ask of it: submit, wait, look, interfere.
#pragma once
#include <functional>
#include <optional>
#include <regex>
#include <thread>

#include "tests/support/pretrain_program.hpp"
#include "tests/support/source_folder.hpp"

namespace ijepa::test {

inline std::string last_line(std::string text) {
  while (text.ends_with('\n')) text.pop_back();
  return text.substr(text.rfind('\n') + 1);
}

/// Looks every tenth of a second; a failure of the test when `seconds` pass without.
inline bool wait_until(const std::string& what, const std::function<bool()>& holds,
                       double seconds = 90) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  ADD_FAILURE() << "waited in vain for: " << what;
  return false;
}

class SlurmCluster {
 public:
  explicit SlurmCluster(const std::filesystem::path& folder) : folder_(folder) {
    std::array<int, 2> ends{};
    EXPECT_EQ(::pipe(ends.data()), 0);
    ::fcntl(ends[1], F_SETFD, FD_CLOEXEC);
    lifeline_ = ends[1];
    // The script ends with its input, which the system closes even if this process is killed.
    process_.emplace(Words{"bash", "-c", "exec bash \"$0\" \"$1\" <&" + std::to_string(ends[0]),
                           script(), folder.string()},
                     600);
    ::close(ends[0]);
    EXPECT_TRUE(process_->read_until("ready\n")) << process_->wait().output;
    ::setenv("SLURM_CONF", (folder / "slurm.conf").c_str(), 1);
  }
  ~SlurmCluster() {
    ::close(lifeline_);
    process_->wait();
  }
  SlurmCluster(const SlurmCluster&) = delete;
  SlurmCluster& operator=(const SlurmCluster&) = delete;

  static bool installed() {
    return run({"bash", "-c", "PATH=$PATH:/usr/sbin; type slurmctld munged"}).code == 0;
  }

  void kill_node(const std::string& node) const {
    ask({"bash", script(), "--kill-node", folder_.string(), node});
  }
  void start_node(const std::string& node) const {
    ask({"bash", script(), "--start-node", folder_.string(), node});
    wait_until(node + " is back", [&] {
      return ask({"sinfo", "-h", "-N", "-p", "main", "-n", node, "-o", "%t"}) == "idle\n";
    });
  }

  /// The output of a command of Slurm, which must succeed.
  static std::string ask(const Words& command) {
    const Ended ended = run(command);
    EXPECT_EQ(ended.code, 0) << command.front() << ": " << ended.output;
    return ended.output;
  }
  /// A field of `scontrol show job`, which knows ended jobs, too: JobState, Restarts, ExitCode, ...
  static std::string field(const std::string& job, const std::string& name) {
    const std::string all = run({"scontrol", "--oneliner", "show", "job", job}).output;
    std::smatch match;
    return std::regex_search(all, match, std::regex("\\b" + name + "=(\\S*)")) ? match[1].str()
                                                                               : "";
  }
  static bool wait_for_state(const std::string& job, const std::string& state) {
    std::string now;
    wait_until("the end of job " + job, [&] {
      now = field(job, "JobState");
      return now == state || now == "COMPLETED" || now == "FAILED" || now == "CANCELLED" ||
             now == "TIMEOUT";
    });
    EXPECT_EQ(now, state) << "job " << job;
    return now == state;
  }
  static bool wait_for_restarts(const std::string& job, int n) {
    return wait_until("restart " + std::to_string(n) + " of job " + job,
                      [&] { return field(job, "Restarts") == std::to_string(n); });
  }
  /// A requeued job would wait two minutes, in which its nodes have long forgotten the step that
  /// now begins anew.
  bool start_now(const std::string& job) const {
    const auto step_is_left = [&](const std::string& node) {
      return std::filesystem::exists(folder_ / "spool" / node / ("stepd.slurm.pmix." + job + ".0"));
    };
    if (!wait_for_state(job, "PENDING")) return false;
    // A node takes a job back only in a later second than that in which it ended it; else Slurm
    // calls the job failed ("credential revoked").
    std::this_thread::sleep_for(std::chrono::milliseconds(1100));
    const std::string restarts = field(job, "Restarts");
    return wait_until("the nodes are done with job " + job,
                      [&] { return !step_is_left("n1") && !step_is_left("n2"); }) &&
           wait_until("job " + job + " starts", [&] {
             run({"scontrol", "update", "jobid=" + job, "StartTime=now"});
             const std::string state = field(job, "JobState");
             // A job of a moment may be back already.
             return state == "RUNNING" || state == "COMPLETED" || state == "FAILED" ||
                    field(job, "Restarts") != restarts;
           });
  }

 private:
  static std::string script() { return source_folder() / "tests/slurm/cluster.sh"; }

  std::filesystem::path folder_;
  int lifeline_ = -1;
  std::optional<Job> process_;
};

}  // namespace ijepa::test
