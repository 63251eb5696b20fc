// Shards made to harm who reads them, whose guard is sound.
#include <gtest/gtest.h>

#include <functional>

#include "ijepa/core/error.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "tests/data/shard_fixture.hpp"
#include "tests/support/hostile_hdf5.hpp"

namespace ijepa::test {
namespace {

class ShardHostile : public ShardFixture {
 protected:
  std::string problem(const std::function<void(const HostileHdf5&)>& change) const {
    const std::string path = write_shard(folder(), 0, 1, 5);
    change(HostileHdf5(path));
    guard(path);
    return message_of([&] {
      const auto set = ShardSet::open(path);
      std::vector<std::uint8_t> bytes;
      set.read(0, bytes);
    });
  }

 private:
  static void guard(const std::string& path) {
    File file(path, File::Mode::update);
    ShardGuard guard;
    guard.file_bytes = static_cast<std::uint64_t>(file.size());
    guard.head_bytes = ShardGuard::block_bytes;
    guard.head_hash = hash_bytes(nullptr, 0);
    guard.guard_hash = guard_hash_of(guard);
    file.write(0, &guard, sizeof guard);
  }
};

TEST_F(ShardHostile, AttributesAreOneWholeNumber) {
  for (const char* name : {"shard", "num_shards", "set_id", "content_hash", "class_names_hash"}) {
    const auto many = problem([&](auto& f) { f.attribute(name, H5T_STD_U64LE, {4000}); });
    EXPECT_NE(many.find(std::string(name) + " is no whole number"), std::string::npos) << many;
    const auto text = problem([&](auto& f) { f.attribute(name, H5T_C_S1, {}); });
    EXPECT_NE(text.find("is no whole number"), std::string::npos) << text;
  }
}

TEST_F(ShardHostile, TablesLieInTheFileItself) {
  const auto link = problem([](auto& f) { f.link("offsets", "other.h5"); });
  EXPECT_NE(link.find("offsets is a link to elsewhere"), std::string::npos) << link;
  const auto other =
      problem([](auto& f) { f.dataset("sizes", H5T_STD_U64LE, {5}, false, "/etc/hostname"); });
  EXPECT_NE(other.find("sizes lies in another file"), std::string::npos) << other;
  const auto packed = problem([](auto& f) { f.dataset("labels", H5T_STD_I32LE, {5}, true); });
  EXPECT_NE(packed.find("labels is not contiguous"), std::string::npos) << packed;
}

TEST_F(ShardHostile, ImagesAreBytes) {
  const auto wide = problem([](auto& f) { f.dataset("images", H5T_STD_U64LE, {100}); });
  EXPECT_NE(wide.find("the images are no bytes"), std::string::npos) << wide;
}

}  // namespace
}  // namespace ijepa::test
