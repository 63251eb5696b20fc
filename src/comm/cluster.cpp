#include "ijepa/comm/cluster.hpp"

#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>
#include <initializer_list>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr const char* kill_variable = "OMPI_MCA_odls_base_sigkill_timeout";

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
  c.kill_seconds = number(environment, {kill_variable}, 1.0);
  return c;
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
      "ranks are started with mpirun inside the job.",
      cluster.ranks);
}

std::optional<std::string> launch_problem(const Cluster& cluster, int world_size) {
  if (cluster.launcher == Launcher::none) {
    if (world_size > 1 || cluster.allocated_tasks <= 1) return std::nullopt;
    return fmt::format(
        "Slurm gave this job {} tasks, but the program was started once, without a launcher. Start "
        "it "
        "with `srun --mpi=pmix` or with mpirun (`mpirun -n 1` for one rank on purpose).",
        cluster.allocated_tasks);
  }
  if (world_size == cluster.ranks) return std::nullopt;
  if (cluster.launcher == Launcher::srun) {
    return fmt::format(
        "srun started {} processes, but MPI connected {} of them: this Slurm and this MPI library "
        "do "
        "not speak the same start-up protocol. Use `srun --mpi=pmix` (see `srun --mpi=list`), or "
        "start the ranks with mpirun inside the job.",
        cluster.ranks, world_size);
  }
  return fmt::format(
      "The launcher started {} ranks, but MPI connected {} of them: use the mpirun of the MPI "
      "library "
      "that this program was built with.",
      cluster.ranks, world_size);
}

std::optional<std::string> kill_time_warning(const Cluster& cluster, double save_seconds) {
  if (cluster.launcher != Launcher::mpirun || cluster.kill_seconds > save_seconds) {
    return std::nullopt;
  }
  return fmt::format(
      "mpirun kills its ranks {:.0f} s after it passes a signal on, and a checkpoint takes about "
      "{:.1f} s: an interrupted run would lose what it did since the last one. Start it with "
      "{}={:.0f} in the environment.",
      cluster.kill_seconds, save_seconds, kill_variable, std::ceil(save_seconds * 2 + 5));
}

}  // namespace ijepa
