#include "data_tools/shard_build.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <filesystem>
#include <sstream>

#include "ijepa/core/error.hpp"
#include "ijepa/data/names.hpp"
#include "ijepa/data/shard_format.hpp"

namespace ijepa::tools {
namespace {

/// A field of a CSV file (RFC 4180): quoted where it must be.
std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
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
