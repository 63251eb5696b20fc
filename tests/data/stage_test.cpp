#include "ijepa/data/shards/stage.hpp"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "ijepa/data/shards/shard_set.hpp"
#include "shard_fixture.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class StageTest : public ShardFixture {
 protected:
  void SetUp() override {
    ShardFixture::SetUp();
    fs::create_directories(source());
    write_set(source(), 3, 5);
  }
  std::string source() const { return folder() + "/source"; }
  std::string stage() const { return folder() + "/stage"; }

  void expect_whole_copy(const std::string& copy) const {
    const ShardSet ours = ShardSet::open(copy), theirs = ShardSet::open(source());
    ASSERT_EQ(ours.size(), theirs.size());
    EXPECT_EQ(ours.fingerprint(), theirs.fingerprint());
    std::vector<std::uint8_t> a, b;
    for (std::int64_t i = 0; i < ours.size(); ++i) {
      ours.read(i, a);
      theirs.read(i, b);
      EXPECT_EQ(a, b);
    }
  }
};

TEST_F(StageTest, CopiesOnceAndReusesTheCopy) {
  const std::string copy = stage_shards(source(), stage());
  expect_whole_copy(copy);
  const auto file = fs::path(copy) / shard_file_name(1, 3);
  const auto written = fs::last_write_time(file);
  EXPECT_EQ(stage_shards(source(), stage()), copy);
  EXPECT_EQ(fs::last_write_time(file), written);
}

TEST_F(StageTest, MissingAndCutShardsAreCopiedAgain) {
  const std::string copy = stage_shards(source(), stage());
  fs::remove(fs::path(copy) / shard_file_name(0, 3));
  fs::resize_file(fs::path(copy) / shard_file_name(2, 3), 100);
  EXPECT_EQ(stage_shards(source(), stage()), copy);
  expect_whole_copy(copy);
}

TEST_F(StageTest, AnotherSetGetsAnotherFolder) {
  const std::string copy = stage_shards(source(), stage());
  const std::string other = folder() + "/other";
  fs::create_directories(other);
  write_set(other, 2, 4);
  EXPECT_NE(stage_shards(other, stage()), copy);
  expect_whole_copy(copy);
}

TEST_F(StageTest, ManyAtOnceMakeOneCopy) {
  std::vector<std::string> copies(8);
  {
    std::vector<std::jthread> threads;
    for (auto& copy : copies) threads.emplace_back([&] { copy = stage_shards(source(), stage()); });
  }
  for (const auto& copy : copies) EXPECT_EQ(copy, copies[0]);
  expect_whole_copy(copies[0]);
}

TEST_F(StageTest, GoesOnAfterAKill) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    int chunks = 0;
    StageOptions killed;
    killed.interrupted = [&] { return ++chunks == 2 ? ::raise(SIGKILL) == 0 : false; };
    stage_shards(source(), stage(), killed);
    ::_exit(0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status)) << "the child was to die in the second chunk";
  expect_whole_copy(stage_shards(source(), stage()));
}

TEST_F(StageTest, EndsWhenInterrupted) {
  StageOptions stopped;
  stopped.interrupted = [] { return true; };
  EXPECT_THROW(stage_shards(source(), stage(), stopped), Interrupted);
  expect_whole_copy(stage_shards(source(), stage()));
}

TEST_F(StageTest, SaysWhatIsWrong) {
  EXPECT_NE(message_of([&] { check_space(folder(), std::int64_t{1} << 60); }).find("make room"),
            std::string::npos);
  EXPECT_EQ(message_of([&] { check_space(folder(), 1); }), "");
  const std::string file = source() + "/" + shard_file_name(0, 3);
  EXPECT_NE(message_of([&] { stage_shards(source(), file); }).find("Cannot create the folder"),
            std::string::npos);
  EXPECT_NE(message_of([&] { stage_shards(folder() + "/nothing", stage()); }), "");
}

// Damage of the same size is not copied over: the folder may be in use by another run.
TEST_F(StageTest, DamagedCopyIsNamed) {
  const std::string copy = stage_shards(source(), stage());
  const auto file = fs::path(copy) / shard_file_name(1, 3);
  const auto bytes = fs::file_size(file);
  fs::resize_file(file, 0);
  fs::resize_file(file, bytes);
  EXPECT_NE(message_of([&] { stage_shards(source(), stage()); }).find(file.string()),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
