#include "checkpoint_disk.hpp"

#include <fcntl.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <new>
#include <vector>

#include "ijepa/core/error.hpp"

namespace ijepa {
namespace {

constexpr std::size_t block = std::size_t{4} << 20;

void rename_or_fail(const std::string& from, const std::string& to) {
  check(::rename(from.c_str(), to.c_str()) == 0, "Cannot rename {} to {}: {}.", from, to,
        std::strerror(errno));
}

// Whole blocks from a boundary of the largest page there is suit every file system.
constexpr std::size_t block_bytes = std::size_t{4} << 20, boundary = std::size_t{64} << 10;

std::byte* aligned_block() {
  void* memory = std::aligned_alloc(boundary, block_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

}  // namespace

File open_regular_file(const std::string& path) {
  std::error_code error;
  const auto type = std::filesystem::status(path, error).type();
  check(type == std::filesystem::file_type::regular, "{} {}.", path,
        type == std::filesystem::file_type::not_found ? "is missing" : "is not a regular file");
  return File(path, File::Mode::read);
}

void sync_folder(const std::string& folder) {
  File(folder, File::Mode::read).sync();
}

void publish_folder(const std::string& from, const std::string& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0) return;
  // No folder of that name yet, or a file system that cannot exchange names.
  if (errno != ENOENT) rename_or_fail(to, from + ".former");
  rename_or_fail(from, to);
}

Hasher::Hasher()
    : state_(XXH3_createState(), [](void* s) { XXH3_freeState(static_cast<XXH3_state_t*>(s)); }) {
  check(state_ != nullptr && XXH3_64bits_reset(static_cast<XXH3_state_t*>(state_.get())) == XXH_OK,
        "Out of memory.");
}

void Hasher::add(std::span<const std::byte> bytes) {
  XXH3_64bits_update(static_cast<XXH3_state_t*>(state_.get()), bytes.data(), bytes.size());
}

std::uint64_t Hasher::digest() const {
  return XXH3_64bits_digest(static_cast<const XXH3_state_t*>(state_.get()));
}

FileHash hash_file(const std::string& path) {
  const File file = open_regular_file(path);
  const std::int64_t size = file.size();
  Hasher hasher;
  std::vector<std::byte> buffer(std::min(static_cast<std::size_t>(size), block));
  for (std::int64_t at = 0; at < size;) {
    const auto n = std::min(buffer.size(), static_cast<std::size_t>(size - at));
    file.read(at, buffer.data(), n);
    hasher.add(std::span(buffer).first(n));
    at += static_cast<std::int64_t>(n);
  }
  return {static_cast<std::uint64_t>(size), hasher.digest()};
}

DirectFile::DirectFile(const std::string& path)
    : file_(path, File::Mode::create), block_(aligned_block()) {
  file_.bypass_cache();
}

void DirectFile::append(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const std::size_t now = std::min(bytes.size(), block_bytes - used_);
    std::memcpy(block_.get() + used_, bytes.data(), now);
    used_ += now;
    bytes = bytes.subspan(now);
    if (used_ == block_bytes) flush();
  }
}

void DirectFile::finish() {
  if (used_ > 0) flush();
  file_.sync();
}

// The last block is seldom whole; it goes through the cache.
void DirectFile::flush() {
  file_.write(offset_, block_.get(), used_);
  offset_ += static_cast<std::int64_t>(used_);
  used_ = 0;
}

}  // namespace ijepa
