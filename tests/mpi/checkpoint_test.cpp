#include "ijepa/train/checkpoint.hpp"

#include <cstdlib>
#include <filesystem>

#include "ijepa/comm/agree.hpp"
#include "ijepa/core/file.hpp"
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

}  // namespace
}  // namespace ijepa::test
