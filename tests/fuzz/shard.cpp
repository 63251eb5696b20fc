// A shard whose guard is sound and whose datasets and attributes are what the input says.
#include "hdf5_input.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "tests/fuzz/fuzz_input.hpp"

namespace {

using namespace ijepa;

void write_shard(const std::string& path, fuzz::Bytes bytes) {
  fuzz::Hdf5Input file(path, bytes, ShardGuard::block_bytes);
  const auto n = file.count();
  for (const auto& [name, value] : {std::pair{"shard", 0}, {"num_shards", 1}, {"set_id", 7}})
    file.attribute(name, H5T_STD_U64LE, static_cast<std::uint64_t>(value));
  file.attribute("content_hash", H5T_STD_U64LE, 0);
  file.attribute("class_names_hash", H5T_STD_U64LE, hash_bytes("\0\0\0\0\0\0", 6));
  const hid_t name = fuzz::Hdf5Input::text_type(3), key = fuzz::Hdf5Input::text_type(11);
  file.dataset("class_names", name, {2});
  file.dataset("images", H5T_STD_U8LE, {100});
  file.dataset("offsets", H5T_STD_U64LE, {n});
  file.dataset("sizes", H5T_STD_U64LE, {n});
  file.dataset("labels", H5T_STD_I32LE, {n});
  file.dataset("checksums", H5T_STD_U64LE, {n});
  file.dataset("keys", key, {n});
  H5Tclose(name);
  H5Tclose(key);
}

void guard(const std::string& path) {
  File file(path, File::Mode::update);
  ShardGuard guard;
  guard.file_bytes = static_cast<std::uint64_t>(file.size());
  guard.head_bytes = ShardGuard::block_bytes;
  guard.head_hash = hash_bytes(nullptr, 0);
  guard.guard_hash = guard_hash_of(guard);
  file.write(0, &guard, sizeof guard);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string path = fuzz::folder() + "/shard.h5";
  write_shard(path, {data, size});
  guard(path);
  fuzz::accept_errors([&] {
    fuzz::accept_errors([&] { ShardFile(path).verify_tables(); });
    const ShardSet set = ShardSet::open(path);
    std::vector<std::uint8_t> encoded;
    for (std::int64_t i = 0; i < std::min<std::int64_t>(set.size(), 100); ++i)
      fuzz::accept_errors([&] {
        static_cast<void>(set.key(i));
        set.read_unchecked(i, encoded);
        static_cast<void>(set.checksum_matches(i, encoded));
      });
  });
  return 0;
}
