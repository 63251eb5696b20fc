// Random truncations and bit flips of everything the program reads: it ends by itself, with what
// is left or with an error.
#include "ijepa/core/rng.hpp"
#include "tests/support/pretrain_program.hpp"
#include "tests/support/trials.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

/// A few flipped bits, or the rest cut off.
std::string damaged(std::string bytes, Rng& rng) {
  if (rng.below(3) == 0) return bytes.substr(0, rng.below(bytes.size()));
  for (auto flips = 1 + rng.below(4); flips > 0; --flips)
    bytes[rng.below(bytes.size())] ^= static_cast<char>(1U << rng.below(8));
  return bytes;
}

class Damage : public PretrainProgram {
 protected:
  /// What `settings` started must end with 0 or 1, after `file` was damaged in as many
  /// ways.
  void expect_orderly_end(const fs::path& file, int usual, std::uint64_t seed) {
    const std::string whole = read_text(file);
    ASSERT_FALSE(whole.empty()) << file;
    fs::copy(path("run"), path("kept"), fs::copy_options::recursive);
    for (int trial = 0; trial < test::trials(usual); ++trial) {
      Rng rng(seed, Purpose::test, 0, static_cast<std::uint64_t>(trial));
      write_text(file, damaged(whole, rng));
      const Ended ended = run(command({run_dir("run"), "data.shards=" + path("shards").string(),
                                       "optim.max_steps=6", "run.checkpoint_steps=2"}),
                              60);
      EXPECT_FALSE(ended.hung) << file << " trial " << trial << "\n" << ended.output;
      EXPECT_TRUE(ended.code == 0 || ended.code == 1)
          << file << " trial " << trial << ": code " << ended.code << ", signal " << ended.signal
          << "\n"
          << ended.output;
      EXPECT_TRUE(ended.code == 0 || ended.output.find("error") != std::string::npos)
          << ended.output;
      fs::remove_all(path("run"));
      fs::copy(path("kept"), path("run"), fs::copy_options::recursive);
      write_text(file, whole);
    }
    fs::remove_all(path("kept"));
  }
  void train_four_steps(int ranks = 1) const {
    const Words words = command({steps(4), "run.checkpoint_steps=2"});
    const Ended ended = run(ranks == 1 ? words : on_ranks(ranks, words));
    ASSERT_EQ(ended.code, 0) << ended.output;
  }
};

TEST_F(Damage, OfShards) {
  train_four_steps();
  expect_orderly_end(path("shards") / shard_file_name(0, 1), 14, 1);
}

TEST_F(Damage, OfConfigurations) {
  train_four_steps();
  expect_orderly_end(path("config.toml"), 14, 2);
  expect_orderly_end(path("run") / "config.toml", 4, 3);
}

TEST_F(Damage, OfCheckpointsAndLogs) {
  train_four_steps();
  const fs::path newest = list_checkpoints(path("run").string()).front();
  expect_orderly_end(newest / "part_00000.h5", 8, 4);
  expect_orderly_end(newest / "manifest.json", 8, 5);
  expect_orderly_end(path("run") / "metrics.csv", 5, 6);
}

TEST_F(Damage, OfPartsThatSeveralRanksWrote) {
  train_four_steps(2);
  const fs::path newest = list_checkpoints(path("run").string()).front();
  expect_orderly_end(newest / "part_00001.h5", 6, 7);
}

}  // namespace
}  // namespace ijepa::test
