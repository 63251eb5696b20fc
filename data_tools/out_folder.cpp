#include "data_tools/out_folder.hpp"

#include <fmt/format.h>

#include "ijepa/data/shard_format.hpp"

namespace ijepa::tools {

std::string OutFolder::shard(const Plan& plan, std::size_t index) const {
  const PlannedShard& s = plan.shards()[index];
  return split(plan.layout().splits[s.split].name) + "/" +
         shard_file_name(s.shard, plan.num_shards(s.split));
}

std::string OutFolder::spill(std::size_t index) const {
  return fmt::format("{}/shard_{:05d}.spill", work(), index);
}

std::string OutFolder::rejected_of(std::size_t index) const {
  return fmt::format("{}/shard_{:05d}.rejected", work(), index);
}

}  // namespace ijepa::tools
