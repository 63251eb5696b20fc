// What checkpoints need of the disk beyond core/file.hpp: whole folders that appear at once, and
// checksums of whole files, and files written past the page cache.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <span>
#include <string>

#include "ijepa/core/file.hpp"

namespace ijepa {

/// For reading; an Error for what is not a regular file (opening a pipe would wait for ever).
File open_regular_file(const std::string& path);
/// Returns when the names in the folder are on the disk.
void sync_folder(const std::string& folder);
/// Gives `from` the name `to`, whose former folder, if any, gets the name `from`: at every moment
/// one complete folder has the name.
void publish_folder(const std::string& from, const std::string& to);

/// XXH3-64 of bytes that come in pieces.
class Hasher {
 public:
  Hasher();
  void add(std::span<const std::byte> bytes);
  std::uint64_t digest() const;

 private:
  std::shared_ptr<void> state_;
};

struct FileHash {
  std::uint64_t bytes = 0, xxh3 = 0;  // XXH3-64
};
FileHash hash_file(const std::string& path);

/// A new file written once, from front to back, past the system's page cache: copying gigabytes
/// into it would take processor time from training and push its data out.
class DirectFile {
 public:
  /// Made or emptied. Where the file system cannot do without its cache, that is used.
  explicit DirectFile(const std::string& path);

  /// The next bytes of the file; an Error as File::write.
  void append(std::span<const std::byte> bytes);
  /// Writes what is left and returns when all of it is on the device.
  void finish();

 private:
  struct Free {
    void operator()(std::byte* memory) const { std::free(memory); }
  };

  void flush();

  File file_;
  std::unique_ptr<std::byte, Free> block_;  // the bytes from offset_ on
  std::size_t used_ = 0;
  std::int64_t offset_ = 0;
};

}  // namespace ijepa
