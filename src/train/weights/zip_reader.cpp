#include "zip_reader.hpp"

#include <algorithm>
#include <vector>

#include "../checkpoint/checkpoint_disk.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

/// The library's text for a code that zip_open() gave.
std::string open_problem(int code) {
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

}  // namespace

ZipReader::ZipReader(const std::string& path) : path_(path) {
  int code = 0;
  zip_.reset(zip_open(path.c_str(), ZIP_RDONLY | ZIP_CHECKCONS, &code));
  check(zip_ != nullptr, "{} is no whole torch archive: {}.", path, open_problem(code));
  has_checksums_ = find_checksums();
}

std::string ZipReader::only_name_ending(const std::string& end) const {
  std::string found;
  const auto count = zip_get_num_entries(zip_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* name = zip_get_name(zip_.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    if (name == nullptr || !std::string_view(name).ends_with(end)) continue;
    check(found.empty(), "{} is no torch archive: it has both {} and {}.", path_, found, name);
    found = name;
  }
  check(!found.empty(), "{} is no torch archive: it has no entry {}.", path_, end.substr(1));
  return found;
}

bool ZipReader::has(const std::string& name) const {
  return zip_name_locate(zip_.get(), name.c_str(), ZIP_FL_ENC_RAW) >= 0;
}

std::uint64_t ZipReader::fingerprint() const {
  Hasher hasher;
  const auto count = zip_get_num_entries(zip_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char* name = zip_get_name(zip_.get(), static_cast<zip_uint64_t>(i), ZIP_FL_ENC_RAW);
    if (name == nullptr) continue;
    const auto s = stat(name);
    const std::string text = fmt::format("{} {} {:08x}\n", name, s.size, s.crc);
    hasher.add(std::as_bytes(std::span(text)));
  }
  return hasher.digest();
}

zip_stat_t ZipReader::stat(const std::string& name) const {
  zip_stat_t s;
  check(zip_stat(zip_.get(), name.c_str(), ZIP_FL_ENC_RAW, &s) == 0, "{} has no entry {}.", path_,
        name);
  check(
      s.comp_method == ZIP_CM_STORE && s.encryption_method == ZIP_EM_NONE && s.size == s.comp_size,
      "{} is refused: its entry {} is compressed or encrypted, and torch archives store entries "
      "as they are.",
      path_, name);
  return s;
}

std::uint64_t ZipReader::size(const std::string& name) const {
  return stat(name).size;
}

ZipReader::Entry ZipReader::open(const std::string& name) const {
  Entry entry(zip_fopen_index(zip_.get(), stat(name).index, 0), zip_fclose);
  check(entry != nullptr, "The entry {} of {} cannot be read: {}.", name, path_,
        zip_strerror(zip_.get()));
  return entry;
}

void ZipReader::read_next(zip_file_t* entry, const std::string& name,
                          std::span<std::byte> out) const {
  const auto got = zip_fread(entry, out.data(), out.size());
  check(got >= 0 && static_cast<std::size_t>(got) == out.size(),
        "The entry {} of {} is damaged or cut short: {}.", name, path_, zip_file_strerror(entry));
}

/// The checksum is compared when the end is met. Where there is none, zeros would be compared.
void ZipReader::check_end(zip_file_t* entry, const std::string& name) const {
  if (!has_checksums_) return;
  std::byte beyond;
  check(zip_fread(entry, &beyond, 1) == 0, "The entry {} of {} is damaged or cut short: {}.", name,
        path_, zip_file_strerror(entry));
}

void ZipReader::read(const std::string& name, std::span<std::byte> out) const {
  const auto entry = open(name);
  read_next(entry.get(), name, out);
  check_end(entry.get(), name);
}

void ZipReader::verify(const std::string& name) const {
  constexpr std::uint64_t most = std::uint64_t{1} << 20;
  const auto entry = open(name);
  std::vector<std::byte> piece;
  for (auto left = size(name); left > 0; left -= piece.size()) {
    piece.resize(std::min(left, most));
    read_next(entry.get(), name, piece);
  }
  check_end(entry.get(), name);
}

void ZipReader::read_part(const std::string& name, std::uint64_t offset, std::span<std::byte> out) {
  if (has_checksums_ && !verified_.contains(name)) {
    verify(name);
    verified_.insert(name);
  }
  const auto entry = open(name);
  check(zip_fseek(entry.get(), static_cast<zip_int64_t>(offset), SEEK_SET) == 0,
        "The entry {} of {} cannot be read from byte {} on: {}.", name, path_, offset,
        zip_file_strerror(entry.get()));
  read_next(entry.get(), name, out);
}

bool ZipReader::find_checksums() const {
  const auto count = zip_get_num_entries(zip_.get(), 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    zip_stat_t s;
    const bool known = zip_stat_index(zip_.get(), static_cast<zip_uint64_t>(i), 0, &s) == 0;
    if (!known || (s.size > 0 && s.crc != 0)) return true;
  }
  return false;
}

}  // namespace ijepa
