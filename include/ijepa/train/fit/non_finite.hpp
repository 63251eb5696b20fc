// NonFinite: what is written down of a step whose loss or gradients are not finite, so that the
// images or the part of the network to blame can be found.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/core/log.hpp"
#include "ijepa/data/shard_set.hpp"
#include "ijepa/train/run/run_data.hpp"
#include "ijepa/train/step/engine.hpp"

namespace ijepa {

/// A rank's part of a step.
struct NonFiniteStep {
  StepPlace place;
  StepSums sums;
  int rank = 0;
  std::vector<std::int64_t> images;  // indices into the shard set, micro-batch by micro-batch
};

/// RUN/non_finite/step_N.rank_R.json: this rank's loss and image keys of each micro-batch, and the
/// norms of the summed gradients block by block. `engine` is as finish() left it. Where it cannot
/// be written, that is a warning.
void write_non_finite(const std::string& run_dir, const NonFiniteStep& step, const ShardSet& shards,
                      Engine& engine, const Log& log);

/// Why a run ends after `steps` such steps in a row. `replay`: what repeats the first of them; "":
/// nothing does.
std::string non_finite_end(const std::string& run_dir, std::int64_t steps, std::int64_t last_step,
                           const std::string& replay);

}  // namespace ijepa
