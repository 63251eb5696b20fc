// ZipReader: entries of a zip archive that are stored as they are. Compressed ones are refused:
// torch archives have none, and what is not unpacked cannot grow.
#pragma once
#include <zip.h>

#include <cstddef>
#include <cstdint>
#include <memory>
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
  /// Of all names, sizes and checksums in the archive's directory.
  std::uint64_t fingerprint() const;
  std::uint64_t size(const std::string& name) const;
  /// The whole entry, with its checksum checked; `out` has size(name) bytes.
  void read(const std::string& name, std::span<std::byte> out) const;

 private:
  struct Close {
    void operator()(zip_t* archive) const { zip_discard(archive); }
  };
  zip_stat_t stat(const std::string& name) const;

  std::string path_;
  std::unique_ptr<zip_t, Close> zip_;
};

}  // namespace ijepa
