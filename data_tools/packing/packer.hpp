// pack(): an input to shard sets, on any number of ranks, resuming what an interrupted run has
// left.
#pragma once
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "data_tools/pack_options.hpp"
#include "data_tools/packing/ranks.hpp"
#include "ijepa/core/log.hpp"

namespace ijepa::tools {

struct PackSummary {
  struct Set {
    std::string path;
    int shards = 0;
    std::int64_t images = 0, bytes = 0;  // bytes of the files
    std::uint64_t fingerprint = 0;
  };
  std::vector<Set> sets;  // one a split; empty on ranks other than 0
  std::vector<std::string> class_names;
  std::int64_t rejected = 0;
  std::string rejected_path;
  std::vector<std::pair<std::string, std::int64_t>> reasons;  // the commonest, how many files each
  bool was_complete = false;                                  // nothing was to be done
};

/// Collective over the ranks of a launch. The files made depend on the input and the options alone,
/// not on ranks, threads or interruptions. Rank 0 returns when the whole set is complete, the
/// others when their share is. Error: unusable input or options, an output folder that holds
/// another set, a full disk, a rank that has died; running the same command again goes on from
/// there.
PackSummary pack(const PackOptions& options, const Ranks& ranks, const Log& log);

}  // namespace ijepa::tools
