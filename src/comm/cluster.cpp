#include "ijepa/comm/cluster.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

const std::string* find(const Environment& environment, const char* name) {
  const auto it = environment.find(name);
  return it == environment.end() || it->second.empty() ? nullptr : &it->second;
}

/// The first variable that is set, as a number; `otherwise` when none is.
template <class T>
T number(const Environment& environment, std::initializer_list<const char*> names, T otherwise) {
  for (const char* name : names) {
    const std::string* text = find(environment, name);
    if (text == nullptr) continue;
    T value{};
    const auto* end = text->data() + text->size();
    const auto [stop, error] = std::from_chars(text->data(), end, value);
    check(error == std::errc{} && stop == end,
          "The environment variable {} is \"{}\", which is not a number.", name, *text);
    return value;
  }
  return otherwise;
}

std::string text(const Environment& environment, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    if (const std::string* value = find(environment, name)) return *value;
  }
  return {};
}

/// How a launcher is recognised, by the first mark that is set: the mpiruns start their daemons
/// with srun inside a Slurm job, so their own variables say more than Slurm's.
struct LauncherVariables {
  Launcher launcher;
  const char* mark;
  const char* ranks;
  const char* rank;
  const char* local_rank;
};
constexpr std::array<LauncherVariables, 4> launchers{{
    {Launcher::mpirun, "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_RANK",
     "OMPI_COMM_WORLD_LOCAL_RANK"},
    {Launcher::hydra, "MPI_LOCALRANKID", "PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID"},
    {Launcher::srun, "SLURM_STEP_NUM_TASKS", "SLURM_STEP_NUM_TASKS", "SLURM_PROCID",
     "SLURM_LOCALID"},
    {Launcher::hydra, "PMI_SIZE", "PMI_SIZE", "PMI_RANK", "MPI_LOCALRANKID"},
}};

/// Marks of launchers and process managers that are none of the above, but may connect ranks.
constexpr std::array other_launchers{
    "PMIX_RANK",           "PMI_RANK",          "PMI_ID",      "PMI_FD",
    "PALS_RANKID",         "ALPS_APP_PE",       "MPIRUN_RANK", "FLUX_TASK_RANK",
    "MV2_COMM_WORLD_RANK", "JSM_NAMESPACE_RANK"};

/// What Open MPI's mpirun does when it is to end, as it was seen to do (docs/slurm.md): SIGCONT at
/// once, SIGTERM after a pause and SIGKILL after another one.
void set_patience_of_mpirun(Cluster& cluster, const Environment& environment) {
  if (find(environment, "PRTE_LAUNCHED") != nullptr) {  // Open MPI 5
    cluster.kill_seconds = 0.5;
    return;
  }
  cluster.kill_variable = "OMPI_MCA_odls_base_sigkill_timeout";
  cluster.kill_factor = 2;
  cluster.kill_seconds =
      cluster.kill_factor * number(environment, {cluster.kill_variable.c_str()}, 1.0);
}

}  // namespace

Environment process_environment() {
  Environment result;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view line(*entry);
    const auto equals = line.find('=');
    if (equals == std::string_view::npos) continue;
    result.emplace(line.substr(0, equals), line.substr(equals + 1));
  }
  return result;
}

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "unknown host";
}

Cluster parse_cluster(const Environment& environment) {
  Cluster c;
  for (const auto& l : launchers) {
    if (find(environment, l.mark) == nullptr) continue;
    c.launcher = l.launcher;
    c.ranks = number(environment, {l.ranks}, 1);
    c.rank = number(environment, {l.rank}, -1);
    c.local_rank = number(environment, {l.local_rank}, -1);
    break;
  }
  c.allocated_tasks = number(environment, {"SLURM_NTASKS"}, 0);
  c.cpus_per_task = number(environment, {"SLURM_CPUS_PER_TASK"}, 0);
  c.job_id = text(environment, {"SLURM_JOB_ID", "PBS_JOBID", "LSB_JOBID"});
  c.restart_count = number(environment, {"SLURM_RESTART_COUNT"}, 0);
  c.node_list = text(environment, {"SLURM_JOB_NODELIST"});
  if (c.launcher == Launcher::mpirun) set_patience_of_mpirun(c, environment);
  return c;
}

bool is_alone(const Environment& environment) {
  const Cluster cluster = parse_cluster(environment);
  if (cluster.launcher != Launcher::none) return cluster.ranks == 1;
  return std::none_of(other_launchers.begin(), other_launchers.end(),
                      [&](const char* name) { return find(environment, name) != nullptr; });
}

std::optional<std::string> start_problem(const Environment& environment,
                                         std::string_view mpi_library) {
  const Cluster cluster = parse_cluster(environment);
  if (cluster.launcher != Launcher::srun || !mpi_library.starts_with("Open MPI")) return {};
  for (const char* name : {"PMIX_RANK", "PMI_RANK"})
    if (find(environment, name) != nullptr) return {};
  return fmt::format(
      "srun started {} processes, but Open MPI connects ranks by PMIx only. Use `srun --mpi=pmix`. "
      "Where `srun --mpi=list` has no pmix, the site must install Slurm's PMIx plug-in, or the "
      "ranks are started with mpirun from the batch script or from salloc, not from within srun. "
      "One task (`srun -n1`) needs no MPI.",
      cluster.ranks);
}

std::optional<std::string> start_note(const Environment& environment,
                                      std::string_view mpi_library) {
  if (parse_cluster(environment).launcher != Launcher::srun) return {};
  if (!mpi_library.starts_with("Open MPI") || find(environment, "PMIX_RANK") != nullptr) return {};
  return "note: srun connects these ranks by PMI, which most builds of Open MPI lack. Should MPI "
         "not start, use `srun --mpi=pmix`.";
}

std::optional<std::string> launch_problem(const Cluster& cluster, int world_size) {
  if (cluster.launcher == Launcher::none) {
    if (world_size > 1 || cluster.allocated_tasks <= 1) return std::nullopt;
    return fmt::format(
        "Slurm gave this job {} tasks, but the program was started once, without a launcher. Start "
        "it with `srun --mpi=pmix`; for one rank on purpose with `srun -n1`.",
        cluster.allocated_tasks);
  }
  if (world_size == cluster.ranks) return std::nullopt;
  if (cluster.launcher == Launcher::srun) {
    return fmt::format(
        "srun started {} processes, but MPI connected {} of them: this Slurm and this MPI library "
        "do not speak the same start-up protocol. Use `srun --mpi=pmix` (see `srun --mpi=list`), "
        "or start the ranks with mpirun from the batch script or from salloc, not from within "
        "srun. One task (`srun -n1`) needs no MPI.",
        cluster.ranks, world_size);
  }
  return fmt::format(
      "The launcher started {} ranks, but MPI connected {} of them: use the mpirun of the MPI "
      "library that this program was built with.",
      cluster.ranks, world_size);
}

std::optional<std::string> kill_time_warning(const Cluster& cluster, double seconds) {
  if (cluster.kill_seconds > seconds) return std::nullopt;
  std::string longer;
  if (!cluster.kill_variable.empty())
    longer = fmt::format(", or set {}={:.0f}, and mpirun waits that long twice, whatever happens",
                         cluster.kill_variable, std::ceil(seconds / cluster.kill_factor * 2));
  return fmt::format(
      "Ctrl-C, or SIGTERM to mpirun, would lose what this run did since its last checkpoint: "
      "mpirun kills its ranks {:.1f} s later, and a step and a save take about {:.1f} s. To stop "
      "it use `kill -USR1` with mpirun's number, or start it by jobs/local.sh{}.",
      cluster.kill_seconds, seconds, longer);
}

}  // namespace ijepa
