// Spill: the images of one unfinished shard, appended in the order of the input. Every record is
// self-checking, so that after a kill the whole records are kept and the torn last one is cut off.
// Whole, it becomes the shard's final file.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "data_tools/packing/plan.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/shards/shard_writer.hpp"

namespace ijepa::tools {

struct SpillRecord {
  enum class Kind : std::uint32_t { image = 1, rejected = 2 };

  Kind kind = Kind::image;
  std::int32_t label = -1;
  std::uint64_t entry = 0;         // number of the file in the input
  std::uint64_t position = 0;      // order within the shard
  std::uint64_t source_bytes = 0;  // of the file in the input
  std::uint64_t checksum = 0;      // image_checksum() of an image
  std::string key;                 // of a rejected file: its path in the input
  std::uint64_t payload_bytes = 0;
  std::int64_t payload_at = 0;  // offset in the spill
};

class Spill {
 public:
  /// Opens or makes the file; what follows the last whole record is cut off.
  explicit Spill(const std::string& path);

  /// Files of the input before this number are already recorded here.
  std::uint64_t next_entry() const { return next_entry_; }

  /// payload: the image's bytes, or the reason of the rejection. Error: a full disk.
  void append(const SpillRecord& record, std::span<const std::uint8_t> payload);

  /// All records, without payloads.
  std::vector<SpillRecord> records() const;
  void read_payload(const SpillRecord& record, std::vector<std::uint8_t>& payload) const;
  const std::string& path() const { return file_.path(); }

 private:
  /// Reads the record at `at`, moves `at` behind it; false at the end or at a torn record.
  bool read_record(std::int64_t& at, std::int64_t end, SpillRecord& record) const;

  File file_;
  std::int64_t end_ = 0;
  std::uint64_t next_entry_ = 0;
  std::vector<std::uint8_t> buffer_;
};

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
