// ZipReader: entries of a zip archive that are stored as they are. Compressed ones are refused:
// torch archives have none, and what is not unpacked cannot grow: nothing takes more memory than
// the file has bytes, but for the library's list of entries, some 10 times their bytes in the
// directory.
#pragma once
#include <zip.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>

namespace ijepa {

class ZipReader {
 public:
  /// An Error for a file that is no zip archive, is cut short, or contradicts itself.
  explicit ZipReader(const std::string& path);

  /// The entry whose name ends so; an Error unless there is exactly one.
  std::string only_name_ending(const std::string& end) const;
  bool has(const std::string& name) const;
  /// Whether entries have checksums; torch.serialization.set_crc32_options(False) leaves them out.
  bool has_checksums() const { return has_checksums_; }
  /// Of all names, sizes and checksums in the archive's directory.
  std::uint64_t fingerprint() const;
  std::uint64_t size(const std::string& name) const;
  /// The whole entry, with its checksum checked; `out` has size(name) bytes.
  void read(const std::string& name, std::span<std::byte> out) const;
  /// A part of it. The checksum is checked when a part of an entry is read for the first time.
  void read_part(const std::string& name, std::uint64_t offset, std::span<std::byte> out);

 private:
  struct Close {
    void operator()(zip_t* archive) const { zip_discard(archive); }
  };
  using Entry = std::unique_ptr<zip_file_t, int (*)(zip_file_t*)>;
  zip_stat_t stat(const std::string& name) const;
  Entry open(const std::string& name) const;
  void read_next(zip_file_t* entry, const std::string& name, std::span<std::byte> out) const;
  void check_end(zip_file_t* entry, const std::string& name) const;
  void verify(const std::string& name) const;
  bool find_checksums() const;

  std::string path_;
  std::unique_ptr<zip_t, Close> zip_;
  bool has_checksums_ = true;
  std::set<std::string> verified_;
};

}  // namespace ijepa
