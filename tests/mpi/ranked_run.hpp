// RankedRun: tiny runs of the trainer on all ranks of a test program, or on the first alone.
#pragma once
#include <gtest/gtest.h>

#include <filesystem>
#include <memory>
#include <string>

#include "ijepa/train/fit/trainer.hpp"
#include "tests/mpi/ranks.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/tiny_run.hpp"

namespace ijepa::test {

/// Shards and runs in a folder that rank 0 makes and all ranks see.
class RankedRun : public testing::Test {
 protected:
  RankedRun() {
    if (ranks().rank() == 0) {
      made_ = std::make_unique<TemporaryFolder>();
      write_tiny_shard(made_->path() / "shards", tiny_images);
    }
    folder_ = ranks().broadcast_text(made_ ? made_->path().string() : "", 0);
  }
  ~RankedRun() override { ranks().barrier(); }

  std::filesystem::path run_folder(const std::string& name) const { return folder_ / name; }
  PretrainRecipe recipe(const std::string& run) const {
    return tiny_recipe((folder_ / "shards").string(), run_folder(run).string());
  }

  static void train_on(Communicator& comm, PretrainRecipe recipe, std::int64_t steps) {
    recipe.optim.max_steps = steps;
    resolve(recipe);
    const StopSignal stop;
    Cluster cluster;
    cluster.local_rank = comm.rank();
    ASSERT_EQ(Trainer(recipe, cluster, comm, stop, Log(1)).run(), Outcome::finished);
  }
  static void train(const PretrainRecipe& recipe, std::int64_t steps) {
    train_on(ranks(), recipe, steps);
    ranks().barrier();  // rank 0 has closed the run folder
  }
  /// On rank 0 by itself.
  static void train_alone(const PretrainRecipe& recipe, std::int64_t steps) {
    if (ranks().rank() == 0) train_on(*local_communicator(), recipe, steps);
    ranks().barrier();
  }
  static bool first() { return ranks().rank() == 0; }

 private:
  std::unique_ptr<TemporaryFolder> made_;
  std::filesystem::path folder_;
};

}  // namespace ijepa::test
