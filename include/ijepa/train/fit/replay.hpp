// Replay: ijepa-pretrain --replay, which repeats what a run kept of a step that was not finite
// (explained_step.hpp), on any machine.
#pragma once
#include <string>
#include <vector>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/communicator.hpp"
#include "ijepa/core/log.hpp"

namespace ijepa {

struct Replayed {
  std::string said;  // as the run said it, where it is not finite again
  bool finite = false;
};

/// The replay at `path`, repeated with `settings` ("compute.key=value", "optim.micro_batch=N")
/// changed: masks and draws go by the position of an image, so micro-batches of another size are
/// the same step. An Error where it is damaged or none, or on more than one rank.
Replayed replay(const std::string& path, const std::vector<std::string>& settings,
                const Cluster& cluster, Communicator& comm, const Log& log);

}  // namespace ijepa
