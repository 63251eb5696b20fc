// Placement: where the ranks of a job are, what each computes on, and how ranks of one node divide
// its cores and GPUs.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "ijepa/comm/communicator.hpp"

namespace ijepa {

struct RankPlace {
  std::string host;
  std::vector<int> cores;  // on which the system lets it run
  std::string device;      // as Device::describe() says
  std::string gpu;         // its identity; empty: none, or not known
};

/// Every rank's, by rank, on every rank. Collective.
std::vector<RankPlace> gather_places(Communicator& comm, const RankPlace& mine);

/// Ranks before `rank` on its host: its number there, whatever the launcher says.
int local_rank_of(const std::vector<RankPlace>& places, int rank);

/// Ranks on its host, itself included.
int ranks_on_host(const std::vector<RankPlace>& places, int rank);

/// Which of `cores` (neighbours in order, see allowed_cores()) are for `rank`, where all ranks of
/// its host may use the same ones and each gets `threads` or more; empty: it stays as it is.
std::vector<int> share_of_cores(const std::vector<RankPlace>& places, int rank, int threads);

/// Why two ranks cannot use the same GPU; empty when none do.
std::string shared_gpu_problem(const std::vector<RankPlace>& places);

/// The start-up table: "ranks 0-3: n1, cpu, 2 threads, on cores 0-7". Ranks that are alike share a
/// line.
std::vector<std::string> table_of(const std::vector<RankPlace>& places);

}  // namespace ijepa
