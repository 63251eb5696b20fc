#include "direct_file.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace ijepa {
namespace {

// Whole blocks from a boundary of the largest page there is suit every file system.
constexpr std::size_t block_bytes = std::size_t{4} << 20, boundary = std::size_t{64} << 10;

std::byte* aligned_block() {
  void* memory = std::aligned_alloc(boundary, block_bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return static_cast<std::byte*>(memory);
}

}  // namespace

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
