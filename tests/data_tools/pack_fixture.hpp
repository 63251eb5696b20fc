// PackFixture: packs made-up inputs in a temporary folder.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "data_tools/packing/packer.hpp"
#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "tests/support/input_tree.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {

using namespace tools;

class PackFixture : public ::testing::Test {
 protected:
  /// A path in the temporary folder.
  std::string at(const std::string& name) const { return (folder_.path() / name).string(); }

  PackOptions options(const std::string& input, const std::string& out) const {
    PackOptions o;
    o.input = at(input);
    o.out = at(out);
    o.threads = 2;
    o.images_per_shard = 10;
    return o;
  }

  static PackSummary run(const PackOptions& options, const Ranks& ranks = {}) {
    return pack(options, ranks, Log(1));  // a rank other than 0 keeps information to itself
  }

  /// The message of the Error that packing ends with, "" if it ends without.
  static std::string message_of(const PackOptions& options) {
    try {
      run(options);
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  }

  struct Content {
    std::string class_name;  // "-" without a label
    Bytes bytes;
    bool operator==(const Content&) const = default;
  };

  /// Everything in a set by key, checksums compared on the way.
  static std::map<std::string, Content> contents(const std::string& path) {
    const ShardSet set = ShardSet::open(path);
    std::map<std::string, Content> all;
    for (std::int64_t i = 0; i < set.size(); ++i) {
      Content c;
      const int label = set.label(i);
      c.class_name = label < 0 ? "-" : set.class_names().at(static_cast<std::size_t>(label));
      set.read(i, c.bytes);
      EXPECT_TRUE(set.checksum_matches(i, c.bytes));
      all[set.key(i)] = c;
    }
    EXPECT_EQ(static_cast<std::int64_t>(all.size()), set.size());
    return all;
  }

  /// What a labelled tree should become.
  static std::map<std::string, Content> expected(const InputTree& tree) {
    std::map<std::string, Content> all;
    for (const auto& [path, bytes] : tree) all[path] = {path.substr(0, path.find('/')), bytes};
    return all;
  }

  /// The files of a finished set, byte for byte, by their names.
  static std::map<std::string, Bytes> files(const std::string& folder) {
    std::map<std::string, Bytes> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
      if (entry.is_regular_file())
        all[std::filesystem::relative(entry.path(), folder).string()] = read_bytes(entry.path());
    return all;
  }

 private:
  TemporaryFolder folder_;
};

}  // namespace ijepa::test
