// Saves beside training, on one rank: what is written is the state at the snapshot, and nothing of
// a save that failed is left.
#include "ijepa/train/checkpoint/checkpoint_writer.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <thread>

#include "tests/train/checkpoint_support.hpp"

namespace ijepa::test {
namespace {

class Writer : public CheckpointTest {
 protected:
  CheckpointWriter writer(TinyModel& model) {
    return {run_dir(), {}, model.tensors(), *comm_, copy_in_host};
  }
  TinyModel loaded() {
    TinyModel model(-1);
    load_checkpoint(*comm_, newest().value(), model.tensors());
    return model;
  }
};

TEST_F(Writer, WritesTheStateOfTheSnapshotWhileTheStateChanges) {
  TinyModel model(1);
  auto saves = writer(model);
  for (int step = 1; step <= 20; ++step) {
    model.assign(TinyModel(step));
    saves.begin({step, {}}, {});
    model.assign(TinyModel(-step));
    EXPECT_TRUE(saves.finish().saved());
    EXPECT_EQ(loaded(), TinyModel(step));
    EXPECT_FALSE(saves.in_flight());
  }
}

TEST_F(Writer, GoesOnByOneAgreementAStepBoundary) {
  TinyModel model(4);
  auto saves = writer(model);
  EXPECT_FALSE(saves.advance(false)) << "nothing is in flight";
  saves.begin({4, {}}, {});
  EXPECT_FALSE(saves.advance(true)) << "a rank still writes";
  std::optional<SaveOutcome> outcome;
  int boundaries = 0;
  while (!outcome) {
    while (saves.busy()) std::this_thread::yield();
    outcome = saves.advance(saves.busy());
    ++boundaries;
  }
  EXPECT_EQ(boundaries, 2) << "parts written, commit done";
  EXPECT_TRUE(outcome->saved()) << outcome->problem;
  EXPECT_EQ(outcome->step, 4);
  EXPECT_EQ(outcome->folder, checkpoint_folder(run_dir(), 4));
  EXPECT_EQ(outcome->bytes, 12U * 4 + 5 * 8 + 3 * 2 + 4);
  EXPECT_GT(outcome->seconds, outcome->blocked_seconds);
}

TEST_F(Writer, AFailedSaveLeavesNothingAndTheNextOneSucceeds) {
  TinyModel model(1);
  auto saves = writer(model);
  std::ofstream(run_dir() + "/checkpoints") << "a file in the way";
  saves.begin({1, {}}, {});
  const auto failed = saves.finish();
  EXPECT_FALSE(failed.saved());
  EXPECT_NE(failed.problem.find("The checkpoint of step 1 was not saved; former ones are "
                                "untouched. Cannot create the folder"),
            std::string::npos)
      << failed.problem;
  std::filesystem::remove(run_dir() + "/checkpoints");
  saves.begin({2, {}}, {});
  EXPECT_TRUE(saves.finish().saved());
  EXPECT_EQ(entries(), std::vector<std::string>{"step_00000002"});
}

TEST_F(Writer, AFolderThatOtherRanksDoNotShareIsNoticed) {
  TinyModel model(1);
  auto saves = writer(model);
  saves.begin({1, {}}, {});
  while (saves.busy()) std::this_thread::yield();
  std::filesystem::remove(run_dir() + "/checkpoints/unfinished_step_00000001/part_00000.h5");
  const auto outcome = saves.finish();
  EXPECT_NE(outcome.problem.find("must lie on a file system that all ranks share"),
            std::string::npos)
      << outcome.problem;
  EXPECT_TRUE(entries().empty());
}

TEST_F(Writer, WhatAKilledSaveOfTheSameStepLeftIsNotPublished) {
  const std::string left = run_dir() + "/checkpoints/unfinished_step_00000007";
  std::filesystem::create_directories(left);
  for (const char* file : {"part_00000.h5", "part_00003.h5", "manifest.json.tmp"})
    std::ofstream(left + "/" + file) << std::string(100'000, 'x');
  TinyModel model(7);
  save(model, 7);
  EXPECT_EQ(loaded(), model);
  EXPECT_FALSE(std::filesystem::exists(checkpoint_folder(run_dir(), 7) + "/part_00003.h5"));
  EXPECT_FALSE(std::filesystem::exists(checkpoint_folder(run_dir(), 7) + "/manifest.json.tmp"));
}

TEST_F(Writer, EndsWithoutACheckpointWhenItIsDropped) {
  TinyModel model(1);
  { writer(model).begin({1, {}}, {}); }
  EXPECT_TRUE(list_checkpoints(run_dir()).empty());
}

TEST_F(Writer, TakesTheMemoryOfItsShare) {
  EXPECT_EQ(CheckpointWriter::snapshot_bytes(1000, 1), 1000U);
  EXPECT_EQ(CheckpointWriter::snapshot_bytes(1000, 3), 334U);
}

}  // namespace
}  // namespace ijepa::test
