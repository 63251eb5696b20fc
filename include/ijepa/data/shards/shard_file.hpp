// ShardFile: one shard opened for reading. Its tables are memory-mapped, its images are found by
// file offset; no image and nothing larger than the file is held in memory. Damage that opening
// cannot see is found by the bounds check of each access and by the image checksums.
#pragma once
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ijepa/core/file.hpp"
#include "ijepa/data/shards/shard_format.hpp"

namespace ijepa {

class ShardFile {
 public:
  /// Error: not a shard, cut short, damaged metadata, tables that lie outside the file.
  explicit ShardFile(const std::string& path);

  const std::string& path() const { return path_; }
  std::int64_t size() const { return size_; }  // images
  int shard() const { return shard_; }
  int num_shards() const { return num_shards_; }
  std::uint64_t set_id() const { return set_id_; }
  /// Hash of the metadata, which holds a hash of all image checksums.
  std::uint64_t head_hash() const { return guard_.head_hash; }
  std::uint64_t class_names_hash() const { return class_names_hash_; }

  std::int32_t label(std::int64_t image) const;
  std::uint64_t checksum(std::int64_t image) const;
  std::string_view key(std::int64_t image) const;  // valid as long as the object
  std::uint64_t image_bytes(std::int64_t image) const;
  /// Offset in the file of the image's first byte. Error if its entry points outside the images.
  std::int64_t image_offset(std::int64_t image) const;

  /// Reads the class names (their count is C, -1 <= label < C). Error if they are damaged.
  std::vector<std::string> read_class_names() const;
  /// Error if a table other than the images differs from what was written.
  void verify_tables() const;

 private:
  /// Where a dataset lies in the file, and the width of one element.
  struct Column {
    std::uint64_t offset = 0, count = 0, width = 1;
  };
  struct Unmap {
    std::size_t bytes = 0;
    void operator()(const std::uint8_t* start) const;
  };

  void check_guard(const File& file);
  void read_structure();
  Column column_of(std::int64_t file_id, const char* name) const;
  void map_tables(const File& file);
  template <class T>
  T value(ShardTable table, std::int64_t image) const;

  std::string path_;
  ShardGuard guard_;
  std::int64_t size_ = 0;
  int shard_ = 0, num_shards_ = 1;
  std::uint64_t set_id_ = 0, content_hash_ = 0, class_names_hash_ = 0;
  std::array<Column, shard_table_count> tables_{};
  Column images_, class_names_;
  std::uint64_t mapped_from_ = 0;  // file offset of the first mapped byte
  std::unique_ptr<const std::uint8_t, Unmap> map_{nullptr, Unmap{}};
};

}  // namespace ijepa
