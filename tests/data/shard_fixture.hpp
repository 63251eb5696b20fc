// ShardFixture: small shard sets of made-up images in a temporary folder.
#pragma once
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "ijepa/core/rng.hpp"
#include "ijepa/data/shards/shard_format.hpp"
#include "ijepa/data/shards/shard_writer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {

struct TestImage {
  std::string key;
  std::int32_t label = -1;
  std::vector<std::uint8_t> encoded;
};

class ShardFixture : public ::testing::Test {
 protected:
  std::string folder() const { return folder_.path().string(); }
  static std::vector<std::string> class_names() { return {"cat", "dog", "Ürsus 熊"}; }

  /// Random bytes of 1 to 300; labels -1 to 2.
  static TestImage test_image(int shard, int image) {
    Rng rng(7, Purpose::test, 0, static_cast<std::uint64_t>(shard),
            static_cast<std::uint64_t>(image));
    TestImage t;
    t.label = static_cast<std::int32_t>(rng.below(4)) - 1;
    t.key = (t.label < 0 ? "" : class_names()[static_cast<std::size_t>(t.label)] + "/") +
            std::to_string(shard * 1000 + image) + ".jpg";
    t.encoded.resize(1 + rng.below(300));
    for (auto& byte : t.encoded) byte = static_cast<std::uint8_t>(rng.below(256));
    return t;
  }

  static std::vector<ShardRecord> test_records(int shard, int images) {
    std::vector<ShardRecord> records;
    for (int i = 0; i < images; ++i) {
      const TestImage t = test_image(shard, i);
      records.push_back(
          {t.key, t.label, t.encoded.size(), image_checksum(t.encoded, t.key, t.label)});
    }
    return records;
  }

  static std::string write_shard(const std::string& folder, int shard, int num_shards, int images,
                                 std::uint64_t set_id = 42) {
    const std::string path = folder + "/" + shard_file_name(shard, num_shards);
    const auto records = test_records(shard, images);
    ShardWriter writer(path, {shard, num_shards, set_id, class_names()}, records);
    for (int i = 0; i < images; ++i) writer.append(test_image(shard, i).encoded);
    writer.finish();
    return path;
  }

  static void write_set(const std::string& folder, int num_shards, int images_per_shard) {
    for (int s = 0; s < num_shards; ++s) write_shard(folder, s, num_shards, images_per_shard);
  }

  /// The message of the Error that `action` ends with, "" if it ends without.
  static std::string message_of(const auto& action) {
    try {
      action();
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace ijepa::test
