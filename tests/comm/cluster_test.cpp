#include "ijepa/comm/cluster.hpp"

#include <gtest/gtest.h>

#include <cmath>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

const Environment in_srun{{"SLURM_JOB_ID", "17"},        {"SLURM_NTASKS", "4"},
                          {"SLURM_STEP_NUM_TASKS", "4"}, {"SLURM_PROCID", "2"},
                          {"SLURM_LOCALID", "1"},        {"SLURM_JOB_NODELIST", "n[1-2]"},
                          {"SLURM_RESTART_COUNT", "3"},  {"SLURM_CPUS_PER_TASK", "6"}};
const Environment in_mpirun{{"OMPI_COMM_WORLD_SIZE", "8"},
                            {"OMPI_COMM_WORLD_RANK", "5"},
                            {"OMPI_COMM_WORLD_LOCAL_RANK", "1"}};

Environment both(Environment a, const Environment& b) {
  a.insert(b.begin(), b.end());
  return a;
}

TEST(Cluster, ReadsSlurm) {
  const Cluster c = parse_cluster(in_srun);
  EXPECT_EQ(c.launcher, Launcher::srun);
  EXPECT_EQ(c.ranks, 4);
  EXPECT_EQ(c.rank, 2);
  EXPECT_EQ(c.local_rank, 1);
  EXPECT_EQ(c.job_id, "17");
  EXPECT_EQ(c.restart_count, 3);
  EXPECT_EQ(c.node_list, "n[1-2]");
  EXPECT_EQ(c.allocated_tasks, 4);
  EXPECT_EQ(c.cpus_per_task, 6);
}

TEST(Cluster, MpirunInsideASlurmJobCountsItsOwnRanks) {
  const Cluster c = parse_cluster(both(in_srun, in_mpirun));
  EXPECT_EQ(c.launcher, Launcher::mpirun);
  EXPECT_EQ(c.ranks, 8);
  EXPECT_EQ(c.rank, 5);
  EXPECT_EQ(c.local_rank, 1);
  EXPECT_EQ(c.job_id, "17");
}

TEST(Cluster, OtherLaunchersAndNone) {
  EXPECT_EQ(parse_cluster({{"PMI_SIZE", "3"}, {"PMI_RANK", "1"}}).launcher, Launcher::hydra);
  const Cluster c = parse_cluster({{"HOME", "/root"}});
  EXPECT_EQ(c.launcher, Launcher::none);
  EXPECT_EQ(c.ranks, 1);
  EXPECT_EQ(c.restart_count, 0);
  EXPECT_TRUE(c.job_id.empty());
}

TEST(Cluster, HydraInsideASlurmJobCountsItsOwnRanks) {
  const Environment hydra{{"PMI_SIZE", "6"}, {"PMI_RANK", "3"}, {"MPI_LOCALRANKID", "1"}};
  const Cluster c = parse_cluster(both(in_srun, hydra));
  EXPECT_EQ(c.launcher, Launcher::hydra);
  EXPECT_EQ(c.ranks, 6);
  EXPECT_EQ(c.local_rank, 1);
  // srun --mpi=pmi2 sets the first two alone.
  const Environment pmi2{{"PMI_SIZE", "4"}, {"PMI_RANK", "2"}};
  EXPECT_EQ(parse_cluster(both(in_srun, pmi2)).launcher, Launcher::srun);
}

TEST(Cluster, OpenMpiUnderSrunWithoutPmixIsRefusedBeforeItStarts) {
  const std::string open_mpi = "Open MPI v4.1.4, package: Debian";
  const auto problem = start_problem(in_srun, open_mpi);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("srun started 4 processes, but"), std::string::npos);
  EXPECT_NE(problem->find("--mpi=pmix"), std::string::npos);
  EXPECT_FALSE(start_problem(both(in_srun, {{"PMIX_RANK", "2"}}), open_mpi));
  EXPECT_FALSE(start_problem(in_srun, "MPICH Version: 4.0.2"));
  EXPECT_FALSE(start_problem(both(in_srun, in_mpirun), open_mpi));
  EXPECT_FALSE(start_problem({}, open_mpi));
  EXPECT_TRUE(start_note(both(in_srun, {{"PMI_RANK", "2"}}), open_mpi));
  EXPECT_FALSE(start_note(both(in_srun, {{"PMI_RANK", "2"}}), "MPICH Version: 4.0.2"));
  EXPECT_FALSE(start_note(both(in_srun, {{"PMIX_RANK", "2"}}), open_mpi));
}

TEST(Cluster, AVariableThatIsNoNumberIsNamed) {
  try {
    parse_cluster({{"OMPI_COMM_WORLD_SIZE", "4x"}});
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("OMPI_COMM_WORLD_SIZE is \"4x\""), std::string::npos);
  }
}

TEST(Cluster, AConnectedWorldStarts) {
  EXPECT_FALSE(launch_problem(parse_cluster(in_srun), 4));
  EXPECT_FALSE(launch_problem(parse_cluster(both(in_srun, in_mpirun)), 8));
  EXPECT_FALSE(launch_problem(parse_cluster({}), 1));
  EXPECT_FALSE(launch_problem(parse_cluster({{"SLURM_NTASKS", "1"}}), 1));
}

TEST(Cluster, UnconnectedSinglesUnderSrunAreRefusedWithAdvice) {
  const auto problem = launch_problem(parse_cluster(in_srun), 1);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("srun started 4 processes, but MPI connected 1"), std::string::npos);
  EXPECT_NE(problem->find("--mpi=pmix"), std::string::npos);
  EXPECT_NE(problem->find("mpirun"), std::string::npos);
}

TEST(Cluster, AnotherLibrarysMpirunIsRefused) {
  const auto problem = launch_problem(parse_cluster(in_mpirun), 1);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("started 8 ranks, but MPI connected 1"), std::string::npos);
}

TEST(Cluster, OneProcessInAJobOfManyTasksIsRefused) {
  const auto problem = launch_problem(parse_cluster({{"SLURM_NTASKS", "4"}}), 1);
  ASSERT_TRUE(problem);
  EXPECT_NE(problem->find("4 tasks"), std::string::npos);
}

TEST(Cluster, OneTaskNeedsNoMpi) {
  EXPECT_TRUE(is_alone({}));
  EXPECT_TRUE(is_alone({{"SLURM_STEP_NUM_TASKS", "1"}, {"SLURM_PROCID", "0"}}));
  // srun --mpi=pmi2 and --mpi=pmix tell a lone task of themselves, too.
  EXPECT_TRUE(is_alone({{"SLURM_STEP_NUM_TASKS", "1"}, {"PMI_RANK", "0"}, {"PMIX_RANK", "0"}}));
  EXPECT_TRUE(is_alone({{"OMPI_COMM_WORLD_SIZE", "1"}, {"OMPI_COMM_WORLD_RANK", "0"}}));
  EXPECT_TRUE(is_alone({{"PMI_SIZE", "1"}, {"PMI_RANK", "0"}, {"MPI_LOCALRANKID", "0"}}));
  EXPECT_FALSE(is_alone(in_srun));
  EXPECT_FALSE(is_alone(in_mpirun));
  // Launchers that are not known may connect any number of ranks.
  for (const char* name : {"PALS_RANKID", "FLUX_TASK_RANK", "PMIX_RANK", "MV2_COMM_WORLD_RANK"})
    EXPECT_FALSE(is_alone({{name, "0"}})) << name;
}

TEST(Cluster, WhatALauncherGivesItsRanksIsKnown) {
  EXPECT_EQ(parse_cluster(in_mpirun).kill_seconds, 2);
  const Environment patient{{"OMPI_MCA_odls_base_sigkill_timeout", "60"}};
  EXPECT_EQ(parse_cluster(both(in_mpirun, patient)).kill_seconds, 120);
  // Open MPI 5 has no variable that makes this longer.
  const Cluster five = parse_cluster(both(both(in_mpirun, patient), {{"PRTE_LAUNCHED", "1"}}));
  EXPECT_EQ(five.kill_seconds, 0.5);
  EXPECT_TRUE(five.kill_variable.empty());
  for (const Environment& e :
       {in_srun, Environment{}, {{"PMI_SIZE", "3"}, {"MPI_LOCALRANKID", "1"}}})
    EXPECT_TRUE(std::isinf(parse_cluster(e).kill_seconds));
}

TEST(Cluster, WarnsWhenMpirunKillsBeforeTheSaveIsDone) {
  const auto warning = kill_time_warning(parse_cluster(in_mpirun), 2.5);
  ASSERT_TRUE(warning);
  EXPECT_NE(warning->find("kill -USR1"), std::string::npos);
  EXPECT_NE(warning->find("OMPI_MCA_odls_base_sigkill_timeout=3,"), std::string::npos) << *warning;
  EXPECT_FALSE(kill_time_warning(parse_cluster(in_mpirun), 1.5));
  const auto five = kill_time_warning(parse_cluster(both(in_mpirun, {{"PRTE_LAUNCHED", "1"}})), 1);
  ASSERT_TRUE(five);
  EXPECT_EQ(five->find("odls"), std::string::npos) << *five;
  EXPECT_FALSE(kill_time_warning(parse_cluster(in_srun), 1e6));
  EXPECT_FALSE(kill_time_warning(parse_cluster({}), 1e6));
}

TEST(Cluster, ReadsTheEnvironmentOfThisProcess) {
  ::setenv("IJEPA_TEST_VARIABLE", "a=b", 1);
  EXPECT_EQ(process_environment().at("IJEPA_TEST_VARIABLE"), "a=b");
  EXPECT_FALSE(host_name().empty());
}

}  // namespace
}  // namespace ijepa
