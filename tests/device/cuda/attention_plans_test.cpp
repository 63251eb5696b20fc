// Compiled attention: made once, ahead of need where it was asked for, found again by other ranks
// and later runs, and never taken for whole when it is not.
#include "src/device/cuda/attention_plans.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <future>
#include <set>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::cuda {
namespace {

AttentionPlanKey key(std::int64_t length, bool backward = false) {
  return {backward, {4, length, 2, 64}};
}

class AttentionPlansTest : public testing::Test {
 protected:
  AttentionPlanning planning(int threads = 1) const {
    return {(folder_.path() / "plans").string(), {}, threads, Log(2)};
  }
  static AttentionPlanning in_memory(int threads) { return {{}, {}, threads, Log(2)}; }
  AttentionPlans::Make counting() {
    return [this](const AttentionPlanKey& k) {
      ++made_;
      return "plan " + std::to_string(k.shape.length) + (k.backward ? " backward" : " forward");
    };
  }
  std::filesystem::path only_file() const {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_.path()))
      if (entry.path().extension() == ".plan") return entry.path();
    ADD_FAILURE() << "no plan was kept";
    return {};
  }

  test::TemporaryFolder folder_;
  std::atomic<int> made_ = 0;
};

TEST_F(AttentionPlansTest, AreMadeOnceWhetherPreparedOrNot) {
  for (const auto& where : {planning(), in_memory(2), in_memory(0)}) {
    made_ = 0;
    std::filesystem::remove_all(folder_.path() / "plans");
    AttentionPlans plans(where, "GPU 1", counting());
    for (int repeat = 0; repeat < 3; ++repeat)
      for (const std::int64_t length : {50, 60, 70}) plans.prepare(key(length));
    EXPECT_EQ(plans.take(key(70)), "plan 70 forward");
    EXPECT_EQ(plans.take(key(50)), "plan 50 forward");
    EXPECT_EQ(plans.take(key(60)), "plan 60 forward");
    EXPECT_EQ(plans.take(key(60, true)), "plan 60 backward");
    EXPECT_EQ(made_, 4);
  }
}

/// Shapes that differ in any one number do not share a file.
TEST_F(AttentionPlansTest, AreKeptByEveryNumberOfTheShape) {
  const AttentionShape shape{4, 50, 2, 64, 20};
  std::set<AttentionPlanKey> keys{{true, shape}, {false, shape}};
  for (auto member : {&AttentionShape::count, &AttentionShape::length, &AttentionShape::heads,
                      &AttentionShape::dim, &AttentionShape::asking}) {
    AttentionShape other = shape;
    other.*member = member == &AttentionShape::asking ? 0 : 8;
    keys.insert({false, other});
  }
  AttentionPlans first(planning(), "GPU 1", counting());
  for (const auto& k : keys) first.take(k);
  AttentionPlans second(planning(), "GPU 1", counting());
  for (const auto& k : keys) second.take(k);
  EXPECT_EQ(made_, 7);
}

TEST_F(AttentionPlansTest, AreMadeByThreadsBeforeTheyAreTaken) {
  std::promise<void> done;
  AttentionPlans plans(in_memory(1), "GPU 1", [&](const AttentionPlanKey&) {
    done.set_value();
    return "ahead";
  });
  plans.prepare(key(50));
  done.get_future().wait();
  EXPECT_EQ(plans.take(key(50)), "ahead");
}

TEST_F(AttentionPlansTest, AreFoundByOtherRanksAndLaterRunsOfTheSamePlace) {
  AttentionPlans first(planning(), "GPU 1, cuDNN 9", counting());
  const std::string plan = first.take(key(50));
  AttentionPlans second(planning(), "GPU 1, cuDNN 9", counting());
  second.prepare(key(50));
  EXPECT_EQ(second.take(key(50)), plan);
  EXPECT_EQ(made_, 1);
  AttentionPlans elsewhere(planning(), "GPU 2, cuDNN 9", counting());
  EXPECT_EQ(elsewhere.take(key(50)), plan);
  EXPECT_EQ(made_, 2);
}

TEST_F(AttentionPlansTest, AreMadeAnewWhereTheFileIsDamaged) {
  AttentionPlans(planning(), "GPU 1", counting()).take(key(50));
  const std::string whole = read_text_file(only_file());
  std::string flipped = whole;
  flipped[20] ^= 1;
  for (const std::string& damaged :
       {std::string(), whole.substr(0, 7), whole.substr(0, 20), flipped}) {
    made_ = 0;
    write_file_atomically(only_file(), damaged);
    EXPECT_EQ(AttentionPlans(planning(), "GPU 1", counting()).take(key(50)), "plan 50 forward");
    EXPECT_EQ(made_, 1) << damaged;
    EXPECT_EQ(read_text_file(only_file()), whole);
  }
}

TEST_F(AttentionPlansTest, StayInMemoryWhereTheFolderFails) {
  write_file_atomically((folder_.path() / "plans").string(), "a file where the folder should be");
  AttentionPlans plans(planning(), "GPU 1", counting());
  testing::internal::CaptureStderr();
  plans.prepare(key(50));
  EXPECT_EQ(plans.take(key(50)), "plan 50 forward");
  EXPECT_EQ(plans.take(key(60)), "plan 60 forward");
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_EQ(made_, 2);
  EXPECT_NE(said.find("Compiled attention is not kept"), std::string::npos) << said;
  EXPECT_EQ(said.find("warning"), said.rfind("warning")) << said;
}

TEST_F(AttentionPlansTest, WhatCannotBeMadeIsTheTakersError) {
  AttentionPlans plans(planning(), "GPU 1",
                       [](const AttentionPlanKey&) -> std::string { fail("cuDNN has no plan."); });
  plans.prepare(key(50));
  EXPECT_THROW(plans.take(key(50)), Error);
  EXPECT_THROW(plans.take(key(60)), Error);
}

TEST_F(AttentionPlansTest, ThoseThatWaitAreLeftAtTheEnd) {
  constexpr int wishes = 100;
  {
    std::promise<void> begun;
    AttentionPlans plans(in_memory(1), "GPU 1", [&](const AttentionPlanKey&) {
      if (++made_ == 1) begun.set_value();
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      return "";
    });
    for (std::int64_t length = 2; length < 2 + wishes; ++length) plans.prepare(key(length));
    begun.get_future().wait();
  }
  EXPECT_LT(made_, wishes / 2);
}

}  // namespace
}  // namespace ijepa::cuda
