// What checkpoints need of the disk beyond core/file.hpp: whole folders that appear at once, and
// checksums of whole files.
#pragma once
#include <cstddef>
#include <cstdint>
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

}  // namespace ijepa
