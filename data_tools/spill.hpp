// Spill: the images of one unfinished shard, appended in the order of the input. Every record is
// self-checking, so that after a kill the whole records are kept and the torn last one is cut off.
#pragma once
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "ijepa/core/file.hpp"

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

}  // namespace ijepa::tools
