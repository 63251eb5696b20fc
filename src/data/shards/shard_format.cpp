#include "ijepa/data/shards/shard_format.hpp"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstddef>

namespace ijepa {

std::uint64_t hash_bytes(const void* data, std::size_t bytes, std::uint64_t seed) {
  return XXH3_64bits_withSeed(data, bytes, seed);
}

std::uint64_t guard_hash_of(const ShardGuard& guard) {
  return hash_bytes(&guard, offsetof(ShardGuard, guard_hash));
}

std::uint64_t image_checksum(std::span<const std::uint8_t> encoded, std::string_view key,
                             std::int32_t label) {
  const auto label_bits = static_cast<std::uint64_t>(std::int64_t{label});
  return hash_bytes(encoded.data(), encoded.size(), hash_bytes(key.data(), key.size(), label_bits));
}

std::string shard_file_name(int shard, int num_shards) {
  return fmt::format("shard_{:05d}_of_{:05d}.h5", shard, num_shards);
}

}  // namespace ijepa
