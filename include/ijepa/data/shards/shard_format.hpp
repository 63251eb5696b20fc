// The shard format in numbers and names: what reader and writer must agree on. docs/formats.md
// describes it in words. A shard is an HDF5 file whose first 512 bytes (its user block) hold a
// ShardGuard, so that damage is found before the HDF5 library parses anything.
#pragma once
#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace ijepa {

struct ShardGuard {
  static constexpr std::int64_t block_bytes = 512;  // the HDF5 user block it lies in
  static constexpr std::array<char, 8> expected_magic{'I', 'J', 'E', 'P', 'A', 'S', 'H', 'D'};

  std::array<char, 8> magic = expected_magic;
  std::uint64_t version = 1;
  std::uint64_t file_bytes = 0;  // of the whole file
  std::uint64_t head_bytes = 0;  // end of the HDF5 metadata; tables and images follow
  std::uint64_t head_hash = 0;   // XXH3-64 of bytes [block_bytes, head_bytes)
  std::uint64_t guard_hash = 0;  // XXH3-64 of the fields above
};
static_assert(sizeof(ShardGuard) == 48);

/// The columns of a shard: one element an image, in order. Little endian in the file.
enum class ShardTable : std::uint8_t { offsets, sizes, labels, checksums, keys };
inline constexpr std::size_t shard_table_count = 5;
inline constexpr std::array<const char*, shard_table_count> shard_table_names{
    "offsets", "sizes", "labels", "checksums", "keys"};

inline constexpr std::size_t max_key_bytes = 1024;  // longer paths are not packed

/// XXH3-64 of any bytes.
std::uint64_t hash_bytes(const void* data, std::size_t bytes, std::uint64_t seed = 0);

std::uint64_t guard_hash_of(const ShardGuard& guard);

/// The checksum of one image: XXH3-64 of its encoded bytes, seeded with XXH3-64 of its key, itself
/// seeded with the label (as an unsigned 64-bit number). So it covers key and label too.
std::uint64_t image_checksum(std::span<const std::uint8_t> encoded, std::string_view key,
                             std::int32_t label);

/// "shard_00003_of_00012.h5"
std::string shard_file_name(int shard, int num_shards);

}  // namespace ijepa
