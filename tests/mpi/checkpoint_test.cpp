#include "ijepa/train/checkpoint/checkpoint.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
#include "ijepa/train/checkpoint/checkpoint_writer.hpp"
#include "tests/mpi/ranks.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;

class CheckpointOnRanks : public testing::Test {
 protected:
  CheckpointOnRanks() {
    std::string pattern = (fs::temp_directory_path() / "ijepa_ckpt_XXXXXX").string();
    if (ranks().rank() == 0) pattern = ::mkdtemp(pattern.data());
    run_dir_ = ranks().broadcast_text(pattern, 0);
  }
  ~CheckpointOnRanks() override {
    ranks().barrier();
    if (ranks().rank() == 0) fs::remove_all(run_dir_);
  }
  std::string run_dir_;
};

std::vector<NamedTensor> tensors_of(std::vector<float>& x) {
  return {{"encoder", "x", {static_cast<std::int64_t>(x.size())}, DType::f32, x.data()}};
}

TEST_F(CheckpointOnRanks, EveryRankLoadsWhatWasSaved) {
  IJEPA_RANKS(1, 2, 4);
  std::vector<float> saved(100, 1.5F), loaded(100);
  const CheckpointStore store(run_dir_, {});
  store.save(ranks(), {3, {{"config", "seed = 1"}}}, tensors_of(saved));
  const auto folder = store.newest_valid(ranks(), Log(ranks().rank()));
  ASSERT_TRUE(folder);
  const auto meta = load_checkpoint(ranks(), *folder, tensors_of(loaded));
  EXPECT_EQ(meta.step, 3);
  EXPECT_EQ(meta.text.at("config"), "seed = 1");
  EXPECT_EQ(loaded, saved);
}

TEST_F(CheckpointOnRanks, ErrorsOfTheWriterAndTheReaderReachEveryRank) {
  IJEPA_RANKS(2, 4);
  std::vector<float> x(10);
  on_rank_0(ranks(), [this] { File(run_dir_ + "/checkpoints", File::Mode::create); });
  const CheckpointStore store(run_dir_, {});
  EXPECT_THROW(store.save(ranks(), {1, {}}, tensors_of(x)), AgreedError);
  EXPECT_THROW(load_checkpoint(ranks(), run_dir_ + "/absent", tensors_of(x)), AgreedError);
}

std::vector<float> numbers(std::size_t n, float first) {
  std::vector<float> x(n);
  for (std::size_t i = 0; i < n; ++i) x[i] = first + static_cast<float>(i);
  return x;
}

std::vector<float> loaded_by(Communicator& comm, const std::string& folder, std::size_t n) {
  std::vector<float> x(n);
  load_checkpoint(comm, folder, tensors_of(x));
  return x;
}

TEST_F(CheckpointOnRanks, EachRankWritesItsShareAndAnyNumberOfRanksReadsIt) {
  IJEPA_RANKS(1, 2, 4);
  auto x = numbers(1001, 1);
  const auto folder = CheckpointStore(run_dir_, {}).save(ranks(), {1, {}}, tensors_of(x)).folder;
  const auto manifest = read_manifest(folder);
  const auto n = static_cast<std::size_t>(ranks().size());
  ASSERT_EQ(manifest.parts.size(), n);
  ASSERT_EQ(manifest.tensors.at(0).pieces.size(), n);
  for (const auto& piece : manifest.tensors[0].pieces)
    EXPECT_NEAR(static_cast<double>(piece.count), 1001.0 / static_cast<double>(n), 1);
  EXPECT_EQ(loaded_by(ranks(), folder, x.size()), x);
  if (ranks().rank() == 0) {
    const auto alone = local_communicator();
    EXPECT_EQ(loaded_by(*alone, folder, x.size()), x);
    auto y = numbers(501, 7);
    CheckpointStore(run_dir_, {}).save(*alone, {2, {}}, tensors_of(y));
  }
  ranks().barrier();
  EXPECT_EQ(loaded_by(ranks(), checkpoint_folder(run_dir_, 2), 501), numbers(501, 7));
}

/// Cuts or changes a file, on rank 0; its bytes before.
std::string damage(const std::string& path, bool cut) {
  const std::string before = read_text_file(path);
  std::string after = before;
  if (cut) after.resize(before.size() / 2);
  if (!cut) after[before.size() - 2] = static_cast<char>(after[before.size() - 2] ^ 1);
  write_file_atomically(path, after);
  return before;
}

TEST_F(CheckpointOnRanks, DamageInAnyPartIsFoundByAll) {
  IJEPA_RANKS(1, 2, 4);
  const CheckpointStore store(run_dir_, {});
  auto x = numbers(1000, 1), y = numbers(1000, 2);
  const auto older = store.save(ranks(), {1, {}}, tensors_of(x)).folder;
  const auto newer = store.save(ranks(), {2, {}}, tensors_of(y)).folder;
  std::vector<std::string> files{"manifest.json"};
  for (const auto& part : read_manifest(newer).parts) files.push_back(part.file);
  ranks().barrier();
  for (const auto& file : files)
    for (const bool cut : {true, false}) {
      const std::string path = newer + "/" + file;
      std::string before;
      if (ranks().rank() == 0) before = damage(path, cut);
      ranks().barrier();
      EXPECT_EQ(store.newest_valid(ranks(), Log(1)), older) << file;
      ranks().barrier();
      if (ranks().rank() == 0) write_file_atomically(path, before);
    }
  EXPECT_EQ(store.newest_valid(ranks(), Log(1)), newer);
}

TEST_F(CheckpointOnRanks, ARankThatCannotWriteItsPartFailsTheSaveOnAll) {
  IJEPA_RANKS(2, 4);
  auto x = numbers(1000, 1);
  CheckpointWriter saves(run_dir_, {}, tensors_of(x), ranks(), copy_in_host);
  saves.begin({1, {}}, {});
  EXPECT_TRUE(saves.finish().saved());
  const std::string unfinished = run_dir_ + "/checkpoints/unfinished_step_00000002";
  on_rank_0(ranks(), [&] { fs::create_directories(unfinished + "/part_00001.h5"); });
  saves.begin({2, {}}, {});
  const auto outcome = saves.finish();
  EXPECT_NE(outcome.problem.find("The checkpoint of step 2 was not saved"), std::string::npos);
  EXPECT_NE(outcome.problem.find("rank 1: Cannot open"), std::string::npos) << outcome.problem;
  EXPECT_FALSE(fs::exists(unfinished));
  saves.begin({3, {}}, {});
  EXPECT_TRUE(saves.finish().saved());
  EXPECT_EQ(CheckpointStore(run_dir_, {}).newest_valid(ranks(), Log(1)),
            checkpoint_folder(run_dir_, 3));
}

TEST_F(CheckpointOnRanks, SavesGoOnBesideTheWorkOfSteps) {
  IJEPA_RANKS(1, 2, 4);
  auto x = numbers(100'000, 0);
  CheckpointWriter saves(run_dir_, {}, tensors_of(x), ranks(), copy_in_host);
  int saved = 0;
  for (std::int64_t step = 1; saved < 5; ++step) {
    std::ranges::copy(numbers(x.size(), static_cast<float>(step)), x.begin());
    // As the trainer agrees, whatever rank is slow.
    const bool busy = ranks().all_reduce(saves.busy() ? 1.0 : 0.0, Reduction::max) != 0;
    if (const auto outcome = saves.advance(busy)) {
      EXPECT_TRUE(outcome->saved()) << outcome->problem;
      EXPECT_EQ(loaded_by(ranks(), outcome->folder, x.size()),
                numbers(x.size(), static_cast<float>(outcome->step)));
      ++saved;
    }
    if (!saves.in_flight()) saves.begin({step, {}}, {});
  }
  EXPECT_TRUE(saves.finish().saved());
}

}  // namespace
}  // namespace ijepa::test
