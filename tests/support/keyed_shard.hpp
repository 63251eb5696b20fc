// Keyed shard: one JPEG under each of some keys, whatever they are, as a stranger's shards may have
// them.
#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "ijepa/data/shards/shard_format.hpp"
#include "ijepa/data/shards/shard_writer.hpp"
#include "tests/support/input_tree.hpp"

namespace ijepa::test {

/// Keys that lead out of any folder, or are longer than file systems take.
inline std::vector<std::string> hostile_keys() {
  return {"a/../../../../SLIP.jpg", "/SLIP.jpg", "../SLIP", "a/" + std::string(255, 'x') + ".jpg",
          "a/" + std::string(255, 'x') + "1.jpg"};
}

inline void write_keyed_shard(const std::filesystem::path& folder,
                              const std::vector<std::string>& keys) {
  std::filesystem::create_directories(folder);
  const auto encoded = small_jpeg(1, 48);
  std::vector<ShardRecord> records;
  for (const auto& key : keys)
    records.push_back({key, 0, encoded.size(), image_checksum(encoded, key, 0)});
  ShardWriter writer((folder / shard_file_name(0, 1)).string(), {0, 1, 42, {"a"}}, records);
  for (std::size_t i = 0; i < keys.size(); ++i) writer.append(encoded);
  writer.finish();
}

/// Files at any depth below a folder.
inline std::size_t files_below(const std::filesystem::path& folder) {
  std::size_t count = 0;
  for (const auto& f : std::filesystem::recursive_directory_iterator(folder))
    count += f.is_regular_file();
  return count;
}

}  // namespace ijepa::test
