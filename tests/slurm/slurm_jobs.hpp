// SlurmJobs: the batch scripts of jobs/, submitted to a cluster of two nodes as from the top of the
// project, one rank a node.
#pragma once
#include "tests/slurm/slurm_cluster.hpp"

namespace ijepa::test {

class SlurmJobs : public PretrainProgram {
 protected:
  void SetUp() override {
    if (!SlurmCluster::installed()) GTEST_SKIP() << "Slurm is not installed";
    std::filesystem::create_directory(top());
    std::filesystem::create_directory_symlink(source_folder() / "jobs", top() / "jobs");
    ::setenv("IJEPA_BIN", IJEPA_BIN_DIR, 1);
    // Ranks of two emulated nodes would take the other's shared memory for their own.
    ::setenv("OMPI_MCA_btl", "self,tcp", 1);
    ::setenv("OMPI_MCA_btl_tcp_if_include", "lo", 1);
    cluster_.emplace(path("slurm"));
  }

  /// The folder of submission, and of the jobs' logs.
  std::filesystem::path top() const { return path("top"); }
  const SlurmCluster& cluster() const { return *cluster_; }

  std::string submit(const Words& options, const std::string& script,
                     const Words& arguments) const {
    const Words two_nodes{"-N", "2", "--ntasks-per-node=1", "--cpus-per-task=1"};
    return last_line(SlurmCluster::ask(
        Words{"sbatch", "--parsable", "--chdir=" + top().string(), "--output=job-%j.out"} +
        two_nodes + options + Words{"jobs/" + script} + arguments));
  }
  std::string log(const std::string& job) const {
    return read_text(top() / ("job-" + job + ".out"));
  }

  /// A run with a checkpoint every 7 steps, without end until set_last_step().
  std::string submit_training(const Words& options = {}) const {
    set_last_step(0);
    return submit(options, "pretrain.sbatch", {path("config.toml").string()});
  }
  /// How long a run is may change between its parts.
  void set_last_step(std::int64_t last) const {
    PretrainRecipe recipe = tiny_recipe(path("shards").string(), path("run").string());
    recipe.optim.epochs = 1'000'000;
    recipe.optim.max_steps = last;
    recipe.run.log_every = 10;
    recipe.run.checkpoint_steps = 7;
    write_config(recipe);
  }
  std::int64_t newest_step() const {
    const auto folders = list_checkpoints(path("run").string());
    return folders.empty() ? 0 : checkpoint_step(folders.front());
  }
  bool wait_for_steps_after(std::int64_t step) const {
    return wait_until("a checkpoint after step " + std::to_string(step),
                      [&] { return newest_step() > step; });
  }
  /// Lets a requeued job do some steps more and end.
  void finish(const std::string& job) const {
    set_last_step(newest_step() + 20);
    ASSERT_TRUE(cluster().start_now(job)) << log(job);
    EXPECT_TRUE(SlurmCluster::wait_for_state(job, "COMPLETED")) << log(job);
  }
  /// The run is as one that nothing disturbed, on two ranks outside of Slurm.
  void expect_as_if_undisturbed(const std::string& job) const {
    const Ended ended = run(on_ranks(2, command({run_dir("undisturbed")})));
    ASSERT_EQ(ended.code, 0) << ended.output;
    expect_same_run(path("undisturbed"), path("run"), log(job));
  }

 private:
  std::optional<SlurmCluster> cluster_;
};

}  // namespace ijepa::test
