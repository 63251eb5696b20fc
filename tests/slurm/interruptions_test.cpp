// Whatever the cluster does to a job of pretraining, the run ends as if nothing had happened.
#include "tests/slurm/slurm_jobs.hpp"

namespace ijepa::test {
namespace {

using testing::HasSubstr;

class SlurmInterruptions : public SlurmJobs {
 protected:
  /// A job that has trained for some steps.
  std::string training_job(const Words& options = {}) const {
    const std::string job = submit_training(options);
    EXPECT_TRUE(wait_for_steps_after(7)) << log(job);
    return job;
  }
  static void expect_restarts(const std::string& job, int n) {
    EXPECT_EQ(SlurmCluster::field(job, "Restarts"), std::to_string(n));
  }
};

TEST_F(SlurmInterruptions, ScontrolRequeue) {
  const std::string job = training_job();
  SlurmCluster::ask({"scontrol", "requeue", job});
  finish(job);
  expect_restarts(job, 1);
  EXPECT_THAT(log(job), HasSubstr("Saved after a signal"));
  EXPECT_THAT(log(job), HasSubstr("Resumed from"));
  expect_as_if_undisturbed(job);
}

// Slurm may send the signal up to a minute earlier than it was asked to, even before the ranks run.
TEST_F(SlurmInterruptions, TheTimeLimit) {
  const std::string job = submit_training({"--time=1", "--signal=USR2@45"});
  ASSERT_TRUE(SlurmCluster::wait_for_restarts(job, 1)) << log(job);
  EXPECT_THAT(log(job), HasSubstr("asking Slurm to requeue this job"));
  EXPECT_THAT(log(job), testing::Not(HasSubstr("CANCELLED DUE TO TIME LIMIT")));
  SlurmCluster::ask({"scontrol", "update", "jobid=" + job, "TimeLimit=10"});
  finish(job);
  expect_restarts(job, 1);
  expect_as_if_undisturbed(job);
}

TEST_F(SlurmInterruptions, PreemptionByAHigherPartition) {
  const std::string job = training_job();
  const std::string urgent =
      last_line(SlurmCluster::ask({"sbatch", "--parsable", "-p", "urgent", "-N", "2", "--exclusive",
                                   "-o", "/dev/null", "--wrap", "true"}));
  EXPECT_TRUE(SlurmCluster::wait_for_state(urgent, "COMPLETED"));
  finish(job);
  expect_restarts(job, 1);
  EXPECT_THAT(log(job), HasSubstr("Saved after a signal"));
  expect_as_if_undisturbed(job);
}

TEST_F(SlurmInterruptions, ANodeDies) {
  const std::string job = training_job();
  cluster().kill_node("n2");
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "PENDING")) << log(job);
  cluster().start_node("n2");
  finish(job);
  expect_as_if_undisturbed(job);
}

TEST_F(SlurmInterruptions, ARankIsKilled) {
  const std::string job = training_job();
  const std::string mark = "IJEPA_RANK_CODES=" + (path("run") / "rank_codes").string();
  // Both ranks run here; the second one's first word is enough.
  const Ended found = run({"bash", "-c",
                           "for p in /proc/[0-9]*; do tr '\\0' '\\n' <$p/environ 2>/dev/null | "
                           "grep -qx SLURM_PROCID=1 && readlink $p/exe | grep -q ijepa-pretrain && "
                           "tr '\\0' '\\n' <$p/environ | grep -qx \"$0\" && kill -9 ${p#/proc/} && "
                           "echo killed; done; true",
                           mark});
  ASSERT_THAT(found.output, HasSubstr("killed"));
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "PENDING")) << log(job);
  finish(job);
  expect_restarts(job, 1);
  expect_as_if_undisturbed(job);
}

TEST_F(SlurmInterruptions, ACancelledJobStaysSoAndAnotherNumberOfNodesGoesOn) {
  const std::string job = training_job();
  SlurmCluster::ask({"scancel", job});
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "CANCELLED"));
  EXPECT_THAT(log(job), HasSubstr("Saved after a signal"));
  EXPECT_THAT(log(job), testing::Not(HasSubstr("asking Slurm")));
  set_last_step(newest_step() + 20);
  const std::string next = submit({"-N", "1"}, "pretrain.sbatch", {path("config.toml").string()});
  ASSERT_TRUE(SlurmCluster::wait_for_state(next, "COMPLETED")) << log(next);
  EXPECT_EQ(SlurmCluster::field(job, "JobState"), "CANCELLED");
  expect_restarts(job, 0);
  // On one rank sums are added in another order.
  ASSERT_EQ(run(on_ranks(2, command({run_dir("undisturbed")}))).code, 0);
  expect_close_losses(losses(path("undisturbed")), losses(path("run")), 1e-5, log(next));
}

}  // namespace
}  // namespace ijepa::test
