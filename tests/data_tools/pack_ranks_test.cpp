// The set is the same, byte for byte, on any number of ranks and after kills at any time.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <fstream>
#include <thread>

#include "data_tools/packing/pack_pass.hpp"
#include "tests/data_tools/pack_fixture.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

using PackRankFiles = PackFixture;

class PackRanks : public PackFixture {
 protected:
  void SetUp() override {
    InputTree tree = class_tree({"a", "b", "c"}, 25);
    tree["a/bad.jpg"] = {0xFF, 0xD8, 0xFF, 1, 2, 3};
    tree["b/worse.jpg"] = {};
    tree["stray.txt"] = {'x'};
    write_tar(tree, at("in.tar"));
    reference_ = run(job("reference")).rejected;
  }

  PackOptions job(const std::string& out) const {
    PackOptions o = options("in.tar", out);
    o.images_per_shard = 8;
    return o;
  }

  /// One process a rank, as under a launcher; returns true if all ended well.
  static bool run_processes(const PackOptions& o, int ranks) {
    std::vector<pid_t> children;
    for (int rank = 0; rank < ranks; ++rank) children.push_back(start(o, {rank, ranks}));
    bool ok = true;
    for (const pid_t child : children) {
      int status = 0;
      ::waitpid(child, &status, 0);
      ok = ok && WIFEXITED(status) && WEXITSTATUS(status) == 0;
    }
    return ok;
  }

  static pid_t start(const PackOptions& o, const Ranks& ranks) {
    const pid_t child = ::fork();
    if (child != 0) return child;
    try {
      run(o, ranks);
      ::_exit(0);
    } catch (const std::exception& error) {
      fmt::print(stderr, "{}\n", error.what());
      ::_exit(1);
    }
  }

  std::int64_t reference_ = 0;
};

TEST_F(PackRanks, OneTwoAndThreeRanksMakeTheSameFiles) {
  EXPECT_EQ(reference_, 3);
  const auto expected_files = files(at("reference"));
  EXPECT_EQ(expected_files.size(), 12U);  // 10 shards, the manifest, the list of those left out
  for (const int ranks : {2, 3}) {
    const PackOptions o = job("ranks" + std::to_string(ranks));
    ASSERT_TRUE(run_processes(o, ranks));
    EXPECT_EQ(files(o.out), expected_files) << ranks;
  }
}

TEST_F(PackRanks, KillsAtAnyTimeChangeNothing) {
  const auto expected_files = files(at("reference"));
  using Clock = std::chrono::steady_clock;
  const auto begin = Clock::now();
  ASSERT_TRUE(run_processes(job("timed"), 1));
  auto whole = Clock::now() - begin;
  int interrupted = 0;
  for (int trial = 0; trial < 6; ++trial) {
    const PackOptions o = job("killed" + std::to_string(trial));
    for (int attempt = 0; attempt < 3; ++attempt) {
      const pid_t child = start(o, {0, 1});
      std::this_thread::sleep_for(whole * (1 + trial * 3 + attempt) / 20);
      ::kill(child, SIGKILL);
      int status = 0;
      ::waitpid(child, &status, 0);
      interrupted += WIFSIGNALED(status);
      if (!WIFSIGNALED(status)) whole /= 2;  // the machine was busier when it was timed
    }
    // What has a final name is whole, however it ended.
    if (fs::exists(o.out)) {
      for (const auto& entry : fs::directory_iterator(o.out)) {
        if (entry.path().extension() != ".h5") continue;
        EXPECT_NO_THROW(ShardFile(entry.path().string()));
      }
    }
    ASSERT_TRUE(run_processes(o, 1 + trial % 3));
    EXPECT_EQ(files(o.out), expected_files) << trial;
  }
  EXPECT_GT(interrupted, 4);
}

TEST_F(PackRankFiles, RanksComeFromTheLauncher) {
  ::setenv("OMPI_COMM_WORLD_RANK", "2", 1);
  EXPECT_EQ(ranks_from_environment().size, 1) << "a rank without a size is no launch";
  ::setenv("OMPI_COMM_WORLD_SIZE", "4", 1);
  EXPECT_EQ(ranks_from_environment().rank, 2);
  EXPECT_EQ(ranks_from_environment().size, 4);
  for (const char* wrong : {"4", "-1", "x", ""}) {
    ::setenv("OMPI_COMM_WORLD_RANK", wrong, 1);
    EXPECT_THROW(ranks_from_environment(), Error) << wrong;
  }
  ::unsetenv("OMPI_COMM_WORLD_RANK");
  ::unsetenv("OMPI_COMM_WORLD_SIZE");
}

TEST_F(PackRankFiles, ASecondProgramInTheSameFolderIsRefused) {
  using std::chrono::milliseconds;
  const std::string path = at("rank_00000");
  // Another host's process that goes on beating, then one that has died.
  std::jthread other([&](const std::stop_token& stop) {
    for (int beat = 0; !stop.stop_requested(); ++beat) {
      write_file_atomically(path, fmt::format("elsewhere 1 {} 0 0 0 0 0\n", beat));
      std::this_thread::sleep_for(milliseconds(5));
    }
  });
  std::this_thread::sleep_for(milliseconds(50));
  EXPECT_THROW(RankFile(at(""), 0, milliseconds(300)), Error);
  other.request_stop();
  other.join();
  EXPECT_NO_THROW(RankFile(at(""), 0, milliseconds(50)));
}

TEST_F(PackRankFiles, TheFolderGoesWhileOtherRanksRemoveTheirFilesFromIt) {
  const tools::OutFolder out(at("out"));
  for (int trial = 0; trial < 20; ++trial) {
    fs::create_directories(out.work());
    const auto file = [&](int i) { return out.work() + "/rank_" + std::to_string(i); };
    for (int i = 0; i < 300; ++i) std::ofstream(file(i)) << i;
    const std::jthread others([&] {
      for (int i = 0; i < 300; ++i) ::unlink(file(i).c_str());
    });
    EXPECT_NO_THROW(out.remove_work());
    EXPECT_FALSE(fs::exists(out.work()));
  }
}

TEST_F(PackRankFiles, ARankThatDiesIsNoticed) {
  RankWatch watch(at(""), std::chrono::seconds(0));
  EXPECT_THROW(watch.expect_alive(1), Error);
  RankFile file(at(""), 1);
  RankWatch patient(at(""), std::chrono::seconds(60));
  file.write({RankProgress::Phase::packing, 5, 9, 100, 1});
  EXPECT_NO_THROW(patient.expect_alive(1));
  EXPECT_EQ(patient.read(1).done, 5);
  EXPECT_EQ(patient.read(7).total, 0);
}

}  // namespace
}  // namespace ijepa::test
