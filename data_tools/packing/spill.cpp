#include "data_tools/packing/spill.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <sstream>

#include "ijepa/core/error.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/shards/shard_format.hpp"

namespace ijepa::tools {
namespace {

/// What a record looks like in the file; key and payload follow.
struct RawRecord {
  std::uint32_t kind = 0;
  std::int32_t label = 0;
  std::uint64_t entry = 0, position = 0, source_bytes = 0, checksum = 0;
  std::uint64_t key_bytes = 0, payload_bytes = 0;
  std::uint64_t hash = 0;  // of the fields above and the key
};
static_assert(sizeof(RawRecord) == 64);

constexpr std::uint64_t max_path_bytes = 1U << 16;

std::uint64_t hash_of(const RawRecord& raw, const char* key) {
  return hash_bytes(&raw, offsetof(RawRecord, hash), hash_bytes(key, raw.key_bytes));
}

void write_rejected(const Spill& spill, const std::vector<SpillRecord>& records,
                    const std::string& path) {
  std::string text;
  std::vector<std::uint8_t> reason;
  for (const auto& r : records) {
    if (r.kind != SpillRecord::Kind::rejected) continue;
    spill.read_payload(r, reason);
    text += fmt::format("{},{},{},{}\n", r.entry, csv_field(r.key), r.source_bytes,
                        csv_field(utf8_name(std::string(reason.begin(), reason.end()))));
  }
  write_file_atomically(path, text);
}

}  // namespace

Spill::Spill(const std::string& path) : file_(path, File::Mode::update) {
  const std::int64_t bytes = file_.size();
  SpillRecord record;
  while (read_record(end_, bytes, record)) next_entry_ = record.entry + 1;
  if (end_ < bytes) file_.truncate(end_);
}

void Spill::append(const SpillRecord& record, std::span<const std::uint8_t> payload) {
  RawRecord raw{static_cast<std::uint32_t>(record.kind),
                record.label,
                record.entry,
                record.position,
                record.source_bytes,
                record.checksum,
                record.key.size(),
                payload.size(),
                0};
  raw.hash = hash_of(raw, record.key.data());
  buffer_.resize(sizeof raw + record.key.size() + payload.size());
  std::memcpy(buffer_.data(), &raw, sizeof raw);
  std::memcpy(buffer_.data() + sizeof raw, record.key.data(), record.key.size());
  if (!payload.empty())
    std::memcpy(buffer_.data() + sizeof raw + record.key.size(), payload.data(), payload.size());
  file_.write(end_, buffer_.data(), buffer_.size());
  end_ += static_cast<std::int64_t>(buffer_.size());
  next_entry_ = record.entry + 1;
}

bool Spill::read_record(std::int64_t& at, std::int64_t end, SpillRecord& record) const {
  const auto left = static_cast<std::uint64_t>(end - at);
  RawRecord raw;
  if (left < sizeof raw) return false;
  file_.read(at, &raw, sizeof raw);
  if (raw.key_bytes > max_path_bytes || raw.payload_bytes > left ||
      sizeof raw + raw.key_bytes + raw.payload_bytes > left)
    return false;
  record.key.resize(raw.key_bytes);
  file_.read(at + static_cast<std::int64_t>(sizeof raw), record.key.data(), raw.key_bytes);
  if (raw.hash != hash_of(raw, record.key.data())) return false;
  record.kind = static_cast<SpillRecord::Kind>(raw.kind);
  record.label = raw.label;
  record.entry = raw.entry;
  record.position = raw.position;
  record.source_bytes = raw.source_bytes;
  record.checksum = raw.checksum;
  record.payload_bytes = raw.payload_bytes;
  record.payload_at = at + static_cast<std::int64_t>(sizeof raw + raw.key_bytes);
  at = record.payload_at + static_cast<std::int64_t>(raw.payload_bytes);
  return true;
}

std::vector<SpillRecord> Spill::records() const {
  std::vector<SpillRecord> records;
  SpillRecord record;
  for (std::int64_t at = 0; read_record(at, end_, record);) records.push_back(record);
  return records;
}

void Spill::read_payload(const SpillRecord& record, std::vector<std::uint8_t>& payload) const {
  payload.resize(record.payload_bytes);
  file_.read(record.payload_at, payload.data(), payload.size());
}

void build_shard(const Spill& spill, const ShardInfo& info, const std::string& path,
                 const std::string& rejected_path,
                 const std::function<void(std::int64_t)>& written) {
  std::vector<SpillRecord> records = spill.records();
  write_rejected(spill, records, rejected_path);
  std::erase_if(records, [](const auto& r) { return r.kind != SpillRecord::Kind::image; });
  std::sort(records.begin(), records.end(),
            [](const auto& a, const auto& b) { return a.position < b.position; });
  std::vector<ShardRecord> table;
  for (const auto& r : records) table.push_back({r.key, r.label, r.payload_bytes, r.checksum});
  ShardWriter writer(path, info, table);
  std::vector<std::uint8_t> bytes;
  for (const auto& r : records) {
    spill.read_payload(r, bytes);
    if (image_checksum(bytes, r.key, r.label) != r.checksum) {
      std::filesystem::remove(spill.path());
      fail(
          "{} was damaged after it was written (did the machine stop hard?); it is removed. Run "
          "the "
          "same command again.",
          spill.path());
    }
    writer.append(bytes);
    written(static_cast<std::int64_t>(bytes.size()));
  }
  writer.finish();
}

void read_rejected(const std::string& rejected_path, std::vector<Rejected>& rejected) {
  std::istringstream lines(read_text_file(rejected_path));
  for (std::string line; std::getline(lines, line);) {
    Rejected r;
    const auto end = std::from_chars(line.data(), line.data() + line.size(), r.entry).ptr;
    check(*end == ',', "{} is damaged.", rejected_path);
    r.line = end + 1;
    // A reason in quotes may hold commas.
    const auto quoted = r.line.ends_with('"') ? r.line.rfind(",\"") : r.line.rfind(',');
    r.reason = r.line.substr(quoted + 1);
    rejected.push_back(std::move(r));
  }
}

}  // namespace ijepa::tools
