// ShardWriter: writes one shard file. The list of images is known when it starts, their bytes are
// appended in order, and finish() gives the file its name: it is there whole or not at all.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ijepa/core/file.hpp"

namespace ijepa {

struct ShardInfo {
  int shard = 0, num_shards = 1;
  std::uint64_t set_id = 0;  // the same in all shards of a set, another in another set
  std::vector<std::string> class_names;
};

struct ShardRecord {
  std::string key;  // "class/name.jpg", at most max_key_bytes
  std::int32_t label = -1;
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;  // image_checksum()
};

class ShardWriter {
 public:
  /// Starts `path` under a temporary name beside it and writes the tables. The same arguments make
  /// the same bytes. Error: a full disk, or a record with a key too long.
  ShardWriter(const std::string& path, const ShardInfo& info, std::span<const ShardRecord> records);

  /// The next image; its size must be that of its record.
  void append(std::span<const std::uint8_t> encoded);
  /// Writes the guard, syncs and renames. Error if images are missing.
  void finish();

 private:
  void flush();

  std::string path_;
  TemporaryFile temporary_;
  std::vector<std::uint64_t> sizes_;
  std::size_t next_ = 0;
  std::int64_t head_bytes_ = 0, position_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace ijepa
