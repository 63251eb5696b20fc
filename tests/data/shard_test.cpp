// Writing shards, reading them back, and every way in which a set can be unusable.
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/resource.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <thread>

#include "ijepa/core/error.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "tests/data/shard_fixture.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;
using ShardTest = ShardFixture;

void expect_image(const ShardSet& set, std::int64_t image, const TestImage& expected) {
  std::vector<std::uint8_t> encoded;
  set.read(image, encoded);
  EXPECT_EQ(encoded, expected.encoded);
  EXPECT_EQ(set.key(image), expected.key);
  EXPECT_EQ(set.label(image), expected.label);
  EXPECT_TRUE(set.checksum_matches(image, encoded));
  EXPECT_EQ(set.extent(image).bytes, static_cast<std::int64_t>(encoded.size()));
}

std::string contents(const std::string& path) {
  return read_text_file(path);
}

TEST_F(ShardTest, ReadsBackWhatWasWritten) {
  write_set(folder(), 2, 7);
  const ShardSet set = ShardSet::open(folder());
  ASSERT_EQ(set.num_shards(), 2);
  ASSERT_EQ(set.size(), 14);
  EXPECT_EQ(set.shard_begin(1), 7);
  EXPECT_EQ(set.shard_begin(2), 14);
  EXPECT_EQ(set.class_names(), class_names());
  for (int i = 0; i < 14; ++i) expect_image(set, i, test_image(i / 7, i % 7));
}

TEST_F(ShardTest, ExtentIsTheOffsetInTheFile) {
  write_set(folder(), 1, 5);
  const ShardSet set = ShardSet::open(folder());
  const auto e = set.extent(3);
  const File file(set.shard_path(e.shard), File::Mode::read);
  std::vector<std::uint8_t> bytes(static_cast<std::size_t>(e.bytes));
  file.read(e.offset, bytes.data(), bytes.size());
  EXPECT_EQ(bytes, test_image(0, 3).encoded);
}

TEST_F(ShardTest, SameInputMakesTheSameBytes) {
  const std::string first = contents(write_shard(folder(), 0, 1, 9));
  EXPECT_EQ(first, contents(write_shard(folder(), 0, 1, 9)));
}

TEST_F(ShardTest, ASingleFileIsASetOfItsOwn) {
  write_set(folder(), 3, 4);
  const ShardSet set = ShardSet::open(folder() + "/" + shard_file_name(1, 3));
  ASSERT_EQ(set.size(), 4);
  expect_image(set, 2, test_image(1, 2));
}

TEST_F(ShardTest, EmptyShardsAreSteppedOver) {
  write_shard(folder(), 0, 4, 0);
  write_shard(folder(), 1, 4, 2);
  write_shard(folder(), 2, 4, 0);
  write_shard(folder(), 3, 4, 3);
  const ShardSet set = ShardSet::open(folder());
  ASSERT_EQ(set.size(), 5);
  expect_image(set, 1, test_image(1, 1));
  expect_image(set, 2, test_image(3, 0));
}

TEST_F(ShardTest, FingerprintFollowsContent) {
  write_set(folder(), 2, 5);
  const auto before = ShardSet::open(folder()).fingerprint();
  EXPECT_EQ(before, ShardSet::open(folder()).fingerprint());
  auto records = test_records(1, 5);
  TestImage changed = test_image(1, 4);
  changed.encoded[0] ^= 1;
  records[4].checksum = image_checksum(changed.encoded, changed.key, changed.label);
  ShardWriter writer(folder() + "/" + shard_file_name(1, 2), {1, 2, 42, class_names()}, records);
  for (int i = 0; i < 4; ++i) writer.append(test_image(1, i).encoded);
  writer.append(changed.encoded);
  writer.finish();
  EXPECT_NE(before, ShardSet::open(folder()).fingerprint());
}

TEST_F(ShardTest, ReadsFromManyThreadsWithFewDescriptors) {
  write_set(folder(), 40, 3);
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  const rlimit few{32, limit.rlim_max};  // 16 for 40 shards
  ::setrlimit(RLIMIT_NOFILE, &few);
  const ShardSet set = ShardSet::open(folder());
  std::vector<int> wrong(4);
  {
    std::vector<std::jthread> threads;
    for (std::size_t t = 0; t < wrong.size(); ++t)
      threads.emplace_back([&, t] {
        std::vector<std::uint8_t> encoded;
        for (int i = 0; i < 600; ++i) {
          const int image = (i * 7 + static_cast<int>(t) * 31) % 120;
          set.read(image, encoded);
          wrong[t] += encoded != test_image(image / 3, image % 3).encoded;
        }
      });
  }
  ::setrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(wrong, std::vector<int>(4));
}

TEST_F(ShardTest, ChecksumCoversBytesKeyAndLabel) {
  const std::vector<std::uint8_t> bytes{1, 2, 3};
  const auto sum = image_checksum(bytes, "cat/1.jpg", 0);
  EXPECT_NE(sum, image_checksum(std::vector<std::uint8_t>{1, 2, 2}, "cat/1.jpg", 0));
  EXPECT_NE(sum, image_checksum(bytes, "cat/2.jpg", 0));
  EXPECT_NE(sum, image_checksum(bytes, "cat/1.jpg", 1));
}

TEST_F(ShardTest, RefusesImagesThatAreNotThere) {
  write_set(folder(), 1, 3);
  const ShardSet set = ShardSet::open(folder());
  for (const std::int64_t image : {std::int64_t{-1}, std::int64_t{3}, std::int64_t{1} << 40})
    EXPECT_NE(message_of([&] { set.label(image); }), "");
}

struct Unusable {
  const char* name;
  void (*spoil)(const std::string& folder);
  const char* message;
};

class UnusableSet : public ShardFixture, public ::testing::WithParamInterface<Unusable> {
 public:
  static void remove_second(const std::string& f) { fs::remove(f + "/" + shard_file_name(1, 3)); }
  static void remove_all(const std::string& f) {
    for (int i = 0; i < 3; ++i) fs::remove(f + "/" + shard_file_name(i, 3));
  }
  static void move_down(const std::string& f) {
    fs::create_directory(f + "/train");
    for (int i = 0; i < 3; ++i)
      fs::rename(f + "/" + shard_file_name(i, 3), f + "/train/" + shard_file_name(i, 3));
  }
  static void mix_sets(const std::string& f) { write_shard(f, 1, 3, 4, 43); }
  static void copy_shard(const std::string& f) {
    fs::copy_file(f + "/" + shard_file_name(1, 3), f + "/copy.h5");
  }
  static void cut(const std::string& f) {
    const auto path = f + "/" + shard_file_name(1, 3);
    fs::resize_file(path, fs::file_size(path) - 1);
  }
  static void add_stranger(const std::string& f) {
    std::ofstream(f + "/x.h5") << std::string(900, 'x');
  }
  static void add_empty(const std::string& f) { std::ofstream(f + "/x.h5"); }
};

TEST_P(UnusableSet, IsRefusedWithItsReason) {
  write_set(folder(), 3, 4);
  GetParam().spoil(folder());
  const std::string message = message_of([&] { ShardSet::open(folder()); });
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(
    Shards, UnusableSet,
    ::testing::Values(Unusable{"Missing", UnusableSet::remove_second,
                               "shard_00001_of_00003.h5 is missing"},
                      Unusable{"None", UnusableSet::remove_all, "holds no shards"},
                      Unusable{"OneLevelDown", UnusableSet::move_down, "/train"},
                      Unusable{"Mixed", UnusableSet::mix_sets, "different sets"},
                      Unusable{"Twice", UnusableSet::copy_shard, "twice"},
                      Unusable{"Cut", UnusableSet::cut, "cut short"},
                      Unusable{"Foreign", UnusableSet::add_stranger, "not a shard"},
                      Unusable{"Empty", UnusableSet::add_empty, "only 0 bytes"}),
    [](const auto& each) { return each.param.name; });

TEST_F(ShardTest, PassesOverHiddenNames) {
  write_set(folder(), 2, 3);
  for (const std::string name : {"._shard_00000_of_00002.h5", ".shard_00001_of_00002.h5"})
    std::ofstream(folder() + "/" + name) << "\5\26\7";
  std::ofstream(folder() + "/.nfs000000000123") << "x";
  EXPECT_EQ(ShardSet::open(folder()).size(), 6);
}

TEST_F(ShardTest, RefusesAFolderThatIsNotThere) {
  EXPECT_NE(message_of([&] { ShardSet::open(folder() + "/none"); }).find("/none"),
            std::string::npos);
}

TEST_F(ShardTest, NamesTheImageWhoseFileHasGone) {
  write_set(folder(), 1, 3);
  const ShardSet set = ShardSet::open(folder());
  const std::string path = set.shard_path(0);
  fs::remove(path);
  std::vector<std::uint8_t> encoded;
  const std::string message = message_of([&] { set.read(1, encoded); });
  EXPECT_NE(message.find(path), std::string::npos) << message;
  EXPECT_EQ(set.where(1), fmt::format("image 1 ({}) of {}", test_image(0, 1).key, path));
}

TEST_F(ShardTest, AnUnfinishedShardLeavesNothing) {
  const auto records = test_records(0, 2);
  {
    ShardWriter writer(folder() + "/a.h5", {0, 1, 42, class_names()}, records);
    writer.append(test_image(0, 0).encoded);
    EXPECT_NE(message_of([&] { writer.finish(); }), "");
    EXPECT_NE(message_of([&] { writer.append(test_image(0, 0).encoded); }), "") << "wrong size";
  }
  EXPECT_TRUE(fs::is_empty(folder()));
}

TEST_F(ShardTest, AKeyTooLongIsRefused) {
  const std::vector<ShardRecord> records{{std::string(max_key_bytes + 1, 'k'), -1, 1, 0}};
  EXPECT_NE(message_of([&] { ShardWriter(folder() + "/a.h5", {}, records); }), "");
}

// A file-size limit stands in for a full disk: the same calls fail, at the same places.
TEST_F(ShardTest, AFullDiskIsNamedAndLeavesNothing) {
  ::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ::getrlimit(RLIMIT_FSIZE, &before);
  for (const rlim_t room : {100U, 3000U, 17500U, 18500U}) {
    const rlimit little{room, before.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &little);
    const std::string message = message_of([&] { write_shard(folder(), 0, 1, 20); });
    ::setrlimit(RLIMIT_FSIZE, &before);
    EXPECT_NE(message, "") << room;
    EXPECT_TRUE(fs::is_empty(folder())) << room;
  }
  write_shard(folder(), 0, 1, 20);
  EXPECT_EQ(ShardSet::open(folder()).size(), 20);
}

}  // namespace
}  // namespace ijepa::test
