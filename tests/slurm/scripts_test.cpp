// What the batch scripts do around the programs: restarts and their bound, refusals, chains,
// sweeps.
#include "tests/slurm/slurm_jobs.hpp"
#include "tests/tasks/picture_shards.hpp"

namespace ijepa::test {
namespace {

using testing::ContainsRegex;
using testing::HasSubstr;
using testing::Not;

class SlurmScripts : public SlurmJobs {
 protected:
  ~SlurmScripts() override {
    for (const char* name : {"IJEPA_MAX_RESTARTS", "IJEPA_SRUN_MPI"}) ::unsetenv(name);
  }
  /// Puts a script in the place of ijepa-pretrain, which still tells its run folder.
  void pretend(const std::string& body) const {
    executable("ijepa-pretrain", "for last; do :; done\nrun=" + path("run").string() +
                                     "\nif [[ $last == run.dir ]]; then echo \"$run\"; exit; fi\n" +
                                     body);
    ::setenv("IJEPA_BIN", path("pretended").c_str(), 1);
  }
  /// A program that jobs submitted with_path() find before the system's.
  void executable(const std::string& name, const std::string& body) const {
    const auto program = path("pretended") / name;
    std::filesystem::create_directories(path("pretended"));
    write_text(program, "#!/usr/bin/env bash\n" + body + "\n");
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
  }
  std::string with_path(const std::string& more = "") const {
    return "--export=ALL," + more + "PATH=" + path("pretended").string() + ":" +
           std::getenv("PATH");
  }
  std::string submit_pretended(const Words& options = {}) const {
    return submit(options, "pretrain.sbatch", {"config.toml"});
  }
  static int count(const std::string& text, const std::string& part) {
    int n = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
  }
  /// The job failed with code 1, said this once, and was not started again.
  void expect_error(const std::string& job, const std::string& message) const {
    ASSERT_TRUE(SlurmCluster::wait_for_state(job, "FAILED")) << log(job);
    EXPECT_EQ(SlurmCluster::field(job, "ExitCode"), "1:0");
    EXPECT_EQ(SlurmCluster::field(job, "Restarts"), "0");
    EXPECT_EQ(count(log(job), message), 1) << log(job);
    EXPECT_THAT(log(job), Not(HasSubstr("requeue")));
  }
};

TEST_F(SlurmScripts, RestartsEndWhenTheyBringNoNewCheckpoint) {
  ::setenv("IJEPA_MAX_RESTARTS", "1", 1);
  pretend(
      "n=${SLURM_RESTART_COUNT:-0}; ((n > 1)) || mkdir -p \"$run/checkpoints/step_0000001$n\"; "
      "echo 85 >>$IJEPA_RANK_CODES; exit 85");
  const std::string job = submit_pretended();
  for (int restart = 1; restart <= 3; ++restart)
    ASSERT_TRUE(SlurmCluster::wait_for_restarts(job, restart) && cluster().start_now(job));
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "FAILED")) << log(job);
  EXPECT_EQ(SlurmCluster::field(job, "Restarts"), "3");
  EXPECT_EQ(SlurmCluster::field(job, "ExitCode"), "85:0");
  EXPECT_THAT(log(job),
              HasSubstr("the checkpoint of step 11 is still the newest after 1 restarts"));
}

TEST_F(SlurmScripts, WhereRequeueingIsForbiddenAnotherJobFollows) {
  pretend(
      "[[ -n ${IJEPA_RESUBMITTED:-} ]] || exit 85; echo went on with \"$@\"; echo 0 "
      ">>$IJEPA_RANK_CODES");
  const std::string job = submit_pretended({"--no-requeue", "--job-name=mine"});
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "FAILED")) << log(job);
  std::smatch next;
  const std::string first = log(job);
  ASSERT_TRUE(std::regex_search(first, next, std::regex("job (\\d+) does the same"))) << first;
  ASSERT_TRUE(SlurmCluster::wait_for_state(next[1], "COMPLETED")) << log(job);
  EXPECT_EQ(SlurmCluster::field(next[1], "JobName"), "mine");
  EXPECT_EQ(SlurmCluster::field(next[1], "NumNodes"), "2");
  EXPECT_EQ(count(log(job), "went on with config.toml"), 2) << log(job);
}

TEST_F(SlurmScripts, WhereNoRankRanTheJobIsNotTakenForFinished) {
  pretend("true");
  const std::string job = submit_pretended();
  EXPECT_TRUE(SlurmCluster::wait_for_restarts(job, 1)) << log(job);
  EXPECT_THAT(log(job), HasSubstr("no rank has run"));
}

TEST_F(SlurmScripts, WithoutSlurmsCommandsOnNodesTheJobSaysWhatToDo) {
  pretend("exit 85");
  for (const char* name : {"scontrol", "sbatch"}) executable(name, "exit 1");
  const std::string job = submit_pretended({with_path()});
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "FAILED")) << log(job);
  EXPECT_THAT(log(job), HasSubstr("submit the same line again to go on"));
}

TEST_F(SlurmScripts, AWrongSettingIsNotTriedAgain) {
  expect_error(
      submit({}, "pretrain.sbatch", {path("config.toml").string(), "--set", "optim.epoch=1"}),
      "did you mean optim.epochs?");
}

TEST_F(SlurmScripts, AnErrorOfOneRankIsNotTriedAgainThoughSrunKillsTheOthers) {
  pretend(std::string("exec ") + IJEPA_FAULTY_RANKS + " throw");
  expect_error(submit_pretended(), "error on rank 1 of 2");
}

TEST_F(SlurmScripts, RanksThatSrunDoesNotConnectAreRefused) {
  ::setenv("IJEPA_SRUN_MPI", "none", 1);
  expect_error(submit({}, "pretrain.sbatch", {path("config.toml").string()}),
               "srun started 2 processes, but Open MPI connects ranks by PMIx only.");
}

// An interactive node, srun --pty bash, is a step of one task on whatever the site's MPI plug-in
// is.
TEST_F(SlurmScripts, OneTaskNeedsNoMpi) {
  int last = 2;
  for (const std::string mpi : {"none", "pmi2", "pmix"}) {
    const Words srun{"srun", "-n1", "--cpus-per-task=1", "--mpi=" + mpi};
    const Ended direct = run(srun + command({steps(last)}));
    EXPECT_EQ(direct.code, 0) << mpi << ": " << direct.output;
    std::string line;
    for (const auto& word : command({steps(last + 1)})) line += word + " ";
    const Ended in_a_shell = run(srun + Words{"bash", "-c", line});
    EXPECT_EQ(in_a_shell.code, 0) << mpi << ": " << in_a_shell.output;
    last += 2;
  }
}

TEST_F(SlurmScripts, TwoTasksThatAreNotConnectedAreRefusedWithAdviceThatWorks) {
  for (const std::string mpi : {"none", "pmi2"}) {
    const Ended ended =
        run(Words{"srun", "-n2", "--cpus-per-task=1", "--mpi=" + mpi} + command({steps(2)}), 60);
    EXPECT_FALSE(ended.hung) << mpi << ": " << ended.output;
    EXPECT_NE(ended.code, 0) << mpi;
    EXPECT_THAT(ended.output, HasSubstr("`srun --mpi=pmix`")) << mpi;
  }
}

TEST_F(SlurmScripts, AJobFromAnotherFolderSaysWhereToSubmit) {
  std::filesystem::rename(top() / "jobs", path("jobs"));
  const std::string job = last_line(SlurmCluster::ask(
      {"sbatch", "--parsable", "--chdir=" + top().string(), "--output=job-%j.out", "-n", "1",
       "--ntasks-per-node=1", "--cpus-per-task=1", (path("jobs") / "probe.sbatch").string()}));
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "FAILED"));
  EXPECT_THAT(log(job),
              HasSubstr("Submit from the top of the project, not from " + top().string()));
}

TEST_F(SlurmScripts, AJobEndsWithWhatItDidAndCost) {
  const std::string job =
      submit({}, "pretrain.sbatch",
             {path("config.toml").string(), "--set", steps(7), "--set", "optim.global_batch=6"});
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "COMPLETED")) << log(job);
  EXPECT_THAT(last_line(log(job)),
              ContainsRegex("^job " + job +
                            ": 2 nodes for 0 h 0[0-9] min [0-9]+ s, [0-9.e-]+ node hours; "
                            "7 steps of 6 images, 42 images$"));
  // Going on counts what this job did alone. A Slurm that measures energy tells its steps'.
  executable("sacct",
             "printf '%s\\n' '7|' 7.batch\\|5 7.0\\|1500000 7.1\\|500000 "
             "7.2\\|18446744073709551614");
  const std::string next = submit({with_path()}, "pretrain.sbatch",
                                  {path("config.toml").string(), "--set", steps(9), "--set",
                                   "optim.global_batch=6", "--extend"});
  ASSERT_TRUE(SlurmCluster::wait_for_state(next, "COMPLETED")) << log(next);
  EXPECT_THAT(last_line(log(next)),
              HasSubstr("; 2 steps of 6 images, 12 images; 2 MJ (0.556 kWh)"));
}

TEST_F(SlurmScripts, AJobThatAddedNoStepTellsNone) {
  pretend("echo no memory; echo 1 >>$IJEPA_RANK_CODES; exit 1");
  std::filesystem::create_directories(path("run") / "checkpoints/step_00000014");
  const std::string header = "epoch,seconds,step\n", rows = "0,0.5,17\n0,0.5,18\n";
  for (const auto& metrics :
       {std::string(), header, header + rows, header + rows + "0,0.5,1", header + "0,0.5,nan\n"}) {
    write_text(path("run") / "metrics.csv", metrics);
    const std::string job = submit_pretended();
    ASSERT_TRUE(SlurmCluster::wait_for_state(job, "FAILED")) << log(job);
    EXPECT_THAT(last_line(log(job)), ContainsRegex("node hours$")) << metrics;
    EXPECT_THAT(log(job), Not(HasSubstr("unbound"))) << metrics;
  }
}

TEST_F(SlurmScripts, AJobAfterAKilledOneTellsTheStepsThatItDidOnceMore) {
  pretend(
      "if [[ $last == optim.global_batch ]]; then echo 6; exit; fi\n"
      "if [[ $SLURM_PROCID == 0 ]]; then printf '%s\\n' epoch,seconds,step 0,0.5,14 0,0.7,18 "
      ">$run/metrics.csv; fi\necho 0 >>$IJEPA_RANK_CODES");
  std::filesystem::create_directories(path("run") / "checkpoints/step_00000014");
  write_text(path("run") / "metrics.csv", "epoch,seconds,step\n0,0.5,17\n0,0.5,18\n");
  const std::string job = submit_pretended();
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "COMPLETED")) << log(job);
  EXPECT_THAT(last_line(log(job)), HasSubstr("node hours; 4 steps of 6 images, 24 images"));
}

TEST_F(SlurmScripts, ASummaryThatFailsLeavesTheJobsCode) {
  executable("awk", "exit 9");
  executable("sacct", "exit 9");
  const std::string job =
      submit({with_path()}, "probe.sbatch", {"--run", "/nowhere", "--test", "/nowhere"});
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "FAILED")) << log(job);
  EXPECT_EQ(SlurmCluster::field(job, "ExitCode"), "1:0");
}

TEST_F(SlurmScripts, AContainerTakesTheHostsDriverWhereTheJobHasGpus) {
  executable("apptainer", "echo apptainer \"$@\"");
  ::setenv("IJEPA_CONTAINER", "x.sif", 1);
  for (const std::string gpus : {"", "SLURM_JOB_GPUS=0,"}) {
    const std::string job = submit({with_path(gpus)}, "probe.sbatch", {"--help"});
    ASSERT_TRUE(SlurmCluster::wait_for_state(job, "COMPLETED")) << log(job);
    EXPECT_THAT(log(job), HasSubstr("apptainer exec --bind " + top().string() +
                                    (gpus.empty() ? " x.sif " : " --nv x.sif ")));
  }
  ::unsetenv("IJEPA_CONTAINER");
}

TEST_F(SlurmScripts, MpirunInsideAJob) {
  const Words words = command({steps(3)});
  std::string line = "unset OMPI_MCA_btl; " + std::string(IJEPA_MPIEXEC) + " -n 2 --oversubscribe";
  for (const auto& word : words) line += " " + word;
  const std::string job =
      last_line(SlurmCluster::ask({"sbatch", "--parsable", "--chdir=" + top().string(),
                                   "--output=job-%j.out", "-n", "2", "--wrap", line}));
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "COMPLETED")) << log(job);
  EXPECT_EQ(read_metrics(path("run")).size(), 3U);
}

TEST_F(SlurmScripts, ASweepHasARunFolderForEachRow) {
  write_text(path("table.txt"),
             "# name  settings\nslow optim.lr=5e-4\n\nfast optim.lr=2e-3 optim.max_steps=4\n");
  const std::string job =
      submit({"--array=1-2", "--output=job-%a.out"}, "sweep.sbatch",
             {path("config.toml").string(), path("table.txt").string(), "--set", steps(3)});
  for (const char* task : {"_1", "_2"})
    ASSERT_TRUE(SlurmCluster::wait_for_state(job + task, "COMPLETED")) << log(task + 1);
  EXPECT_EQ(read_metrics(path("run-slow")).size(), 3U);
  EXPECT_EQ(read_metrics(path("run-fast")).size(), 4U);
  const std::string table = read_text(path("run-sweep.txt"));
  EXPECT_THAT(table, ContainsRegex("slow +3 +[0-9.]+ .*optim.lr=5e-4\n"));
  EXPECT_THAT(table, ContainsRegex("fast +4 +[0-9.]+ .*optim.lr=2e-3 optim.max_steps=4\n"));
}

TEST_F(SlurmScripts, AScalingStudyLeavesItsTableAndItsPicture) {
  std::filesystem::create_directory_symlink(source_folder() / "benchmarks", top() / "benchmarks");
  const std::string job = submit({}, "scaling.sbatch",
                                 {path("config.toml").string(), path("study").string(), "--batch",
                                  "16", "--steps", "6", "--shards", path("shards").string()});
  ASSERT_TRUE(SlurmCluster::wait_for_state(job, "COMPLETED")) << log(job);
  EXPECT_THAT(log(job), HasSubstr("model: weak  ranks 128"));
  EXPECT_EQ(count(read_text(path("study") / "scaling.csv"), "\n"), 5);
  EXPECT_THAT(read_text(path("study") / "scaling.svg"), HasSubstr("</svg>"));
}

TEST_F(SlurmScripts, AChainRunsInOrderAndItsResultsCanBeSearched) {
  write_pictures(path("labelled"), {.images = 64});
  write_pictures(path("tests"), {.images = 32, .split = synth::Split::test});
  const std::string features = path("features").string();
  const Ended chain = run(Words{"bash", (top() / "jobs/chain.sh").string(), path("tests").string(),
                                features, "-n", "2", "--cpus-per-task=1", "--ntasks-per-node=2",
                                "--output=" + (top() / "job-%j.out").string(), "--"} +
                          Words{path("config.toml").string(), "--set",
                                "data.shards=" + path("labelled").string(), "--set", steps(4)});
  ASSERT_EQ(chain.code, 0) << chain.output;
  std::smatch jobs;
  ASSERT_TRUE(std::regex_search(chain.output, jobs,
                                std::regex("pretrain (\\d+), probe (\\d+), infer (\\d+)")));
  for (int i = 1; i <= 3; ++i)
    ASSERT_TRUE(SlurmCluster::wait_for_state(jobs[i], "COMPLETED")) << log(jobs[i]);
  EXPECT_TRUE(std::filesystem::exists(path("run") / "probe"));
  const std::string search = submit(
      {}, "search.sbatch", {"--features", features, "--all", "--out", path("hits").string()});
  ASSERT_TRUE(SlurmCluster::wait_for_state(search, "COMPLETED")) << log(search);
  EXPECT_TRUE(std::filesystem::exists(path("hits") / "nearest.csv"));
}

TEST_F(SlurmScripts, WhenAJobOfAChainFailsTheLaterOnesAreCancelled) {
  const Ended chain =
      run({"bash", (top() / "jobs/chain.sh").string(), "/nowhere", path("features").string(), "-n",
           "1", "--cpus-per-task=1", "--ntasks-per-node=1", "--output=/dev/null", "--",
           path("config.toml").string(), "--set", "data.shards=/nowhere"});
  std::smatch jobs;
  ASSERT_TRUE(std::regex_search(chain.output, jobs,
                                std::regex("pretrain (\\d+), probe (\\d+), infer (\\d+)")))
      << chain.output;
  EXPECT_TRUE(SlurmCluster::wait_for_state(jobs[1], "FAILED"));
  for (const int later : {2, 3})
    EXPECT_TRUE(SlurmCluster::wait_for_state(jobs[later], "CANCELLED"));
}

}  // namespace
}  // namespace ijepa::test
