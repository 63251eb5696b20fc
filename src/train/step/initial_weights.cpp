#include "ijepa/train/step/initial_weights.hpp"

#include "ijepa/core/error.hpp"

namespace ijepa {

void check_same_start(const CheckpointMeta& meta, const InitialWeights& start,
                      const std::string& folder) {
  if (start.said.empty()) return;
  const auto found = meta.text.find(started_from_key);
  const auto there = found == meta.text.end() ? "an untrained network" : found->second;
  check(there == start.said,
        "The checkpoint {} is of a run that was started from {}, not from {}: leave --init-from "
        "out to "
        "go on with it, or give another run.dir.",
        folder, there, start.said);
}

}  // namespace ijepa
