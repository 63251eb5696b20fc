// From the spill of a shard to its final file.
#pragma once
#include <functional>
#include <string>

#include "data_tools/plan.hpp"
#include "data_tools/spill.hpp"
#include "ijepa/data/shard_writer.hpp"

namespace ijepa::tools {

/// A file of the input that is not in the shards.
struct Rejected {
  std::uint64_t entry = 0;  // its number in the input
  std::string line;         // "path,bytes,reason" of rejected.csv
  std::string reason;       // as in the line, quotes included
};

/// Sorts the images of the spill by position, writes them to the shard `path`, and the rejected
/// ones to `rejected_path` before. Error: a full disk, or a spill damaged since it was written (it
/// is then removed, and the next run fills it anew). `written` is called with each image's size.
void build_shard(const Spill& spill, const ShardInfo& info, const std::string& path,
                 const std::string& rejected_path,
                 const std::function<void(std::int64_t)>& written);

/// Appends the content of a file that build_shard() wrote.
void read_rejected(const std::string& rejected_path, std::vector<Rejected>& rejected);

inline constexpr const char* rejected_header = "path,bytes,reason\n";

}  // namespace ijepa::tools
