// Cluster: what the launcher (mpirun, srun, none) says about this process, read from the
// environment as a pure function, and the checks that make a wrong start an error instead of N
// separate runs.
#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace ijepa {

using Environment = std::map<std::string, std::string>;

enum class Launcher : std::uint8_t { none, mpirun, srun, hydra };

struct Cluster {
  Launcher launcher = Launcher::none;
  int ranks = 1;            // as the launcher started them; 1 without a launcher
  int rank = -1;            // -1: not told
  int local_rank = -1;      // on this node; -1: not told
  int cpus_per_task = 0;    // as Slurm was asked for; 0: not told
  int allocated_tasks = 0;  // tasks of the Slurm allocation; 0: no Slurm
  std::string job_id;       // of the batch system; empty: none
  int restart_count = 0;    // how often Slurm requeued the job
  std::string node_list;    // as Slurm abbreviates it; empty: none
  /// From the first sign to a rank that its launcher is about to end it, after Ctrl-C or SIGTERM to
  /// the launcher, to the launcher's SIGKILL; infinite: it leaves the end to the ranks.
  double kill_seconds = std::numeric_limits<double>::infinity();
  /// The variable that makes this longer, of which every second counts `kill_factor` times; empty:
  /// there is none.
  std::string kill_variable;
  double kill_factor = 0;
};

/// The environment of this process.
Environment process_environment();
std::string host_name();

/// An Error names a variable that does not hold a number where one belongs.
Cluster parse_cluster(const Environment& environment);

/// Whether this process is certainly the only rank, so that it needs no MPI.
bool is_alone(const Environment& environment);

/// Why MPI cannot start here, to be asked before it does: a library that lacks what connects ranks
/// ends the process with words of its own. `mpi_library` as MPI_Get_library_version() says.
std::optional<std::string> start_problem(const Environment& environment,
                                         std::string_view mpi_library);

/// What to say before MPI starts where it may fail to, with words of its own; nothing elsewhere.
std::optional<std::string> start_note(const Environment& environment, std::string_view mpi_library);

/// Why a world of `world_size` MPI ranks is not what the launcher started, with advice; nothing
/// when all is well. N processes that srun started without connecting them are N worlds of one.
std::optional<std::string> launch_problem(const Cluster& cluster, int world_size);

/// The warning to give where the launcher would kill its ranks before a step and the checkpoint
/// after it, which together take `seconds`, are done; nothing elsewhere.
std::optional<std::string> kill_time_warning(const Cluster& cluster, double seconds);

}  // namespace ijepa
