#include "ijepa/train/run/run_saves.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "ijepa/train/checkpoint/checkpoint_marks.hpp"
#include "tests/train/checkpoint_support.hpp"

namespace ijepa::test {
namespace {

using namespace std::chrono_literals;
using Clock = SaveCadence::Clock;

RunSettings settings(std::int64_t steps, double minutes) {
  RunSettings run;
  run.checkpoint_steps = steps;
  run.checkpoint_minutes = minutes;
  run.save_retry_seconds = 10;
  return run;
}

TEST(SaveCadence, CountsStepsAndMinutes) {
  const Clock::time_point start;
  SaveCadence both(settings(7, 2), start);
  EXPECT_TRUE(both.due_by_steps(14));
  EXPECT_FALSE(both.due_by_steps(15));
  EXPECT_FALSE(both.due_by_time(start + 119s));
  EXPECT_TRUE(both.due_by_time(start + 120s));
  both.begun(start + 120s);
  EXPECT_FALSE(both.due_by_time(start + 239s));
  SaveCadence neither(settings(0, 0), start);
  EXPECT_FALSE(neither.due_by_steps(14));
  EXPECT_FALSE(neither.due_by_time(start + 1000h));
}

TEST(SaveCadence, CountsTheStepsThatAreKept) {
  for (const std::int64_t steps : {0, 7}) {
    RunSettings run = settings(steps, 0);
    run.keep_every = 5;
    const SaveCadence cadence(run, {});
    for (std::int64_t step = 1; step <= 20; ++step)
      EXPECT_EQ(cadence.due_by_steps(step), step % 5 == 0 || (steps > 0 && step % steps == 0));
  }
}

TEST(SaveCadence, TriesAgainWithGrowingPausesUpToTheCadence) {
  Clock::time_point now;
  SaveCadence cadence(settings(0, 0.5), now);
  for (const double pause : {10.0, 20.0, 30.0, 30.0}) {
    EXPECT_EQ(cadence.failed(now).count(), pause);
    EXPECT_FALSE(cadence.due_by_time(now + 9s));
    now += std::chrono::seconds(static_cast<int>(pause));
    EXPECT_TRUE(cadence.due_by_time(now));
    cadence.begun(now);
  }
  cadence.saved();
  EXPECT_FALSE(cadence.due_by_time(now + 29s));
  EXPECT_EQ(cadence.failed(now).count(), 10) << "the next failure is a new one";
}

class Saves : public CheckpointTest {
 protected:
  std::unique_ptr<RunSaves> saves(KeepBest keep_best = KeepBest::none) {
    RunSettings run = settings(10, 0);
    run.dir = run_dir();
    run.keep_last = 1;
    run.keep_best = keep_best;
    return std::make_unique<RunSaves>(
        run, model_.tensors(), *comm_, copy_in_host,
        [this](const SaveOutcome& o, double next) { reports_.emplace_back(o.problem, next); });
  }
  std::vector<std::int64_t> steps() const {
    std::vector<std::int64_t> steps;
    for (const auto& folder : list_checkpoints(run_dir())) steps.push_back(checkpoint_step(folder));
    return steps;
  }
  void block() { std::ofstream(run_dir() + "/checkpoints") << "a file in the way"; }
  void unblock() { std::filesystem::remove(run_dir() + "/checkpoints"); }

  TinyModel model_{1};
  std::vector<std::pair<std::string, double>> reports_;
};

TEST_F(Saves, OneAtATime) {
  auto run = saves();
  EXPECT_TRUE(run->wanted(10));
  run->begin({10, {}});
  EXPECT_TRUE(run->has(10));
  EXPECT_FALSE(run->wanted(10));
  EXPECT_TRUE(run->wanted(20)) << "by steps: waits for the former one";
  run->begin({20, {}});
  run->finish(20);
  EXPECT_EQ(reports_.size(), 2U);
  EXPECT_EQ(steps(), std::vector<std::int64_t>{20});
}

TEST_F(Saves, AFailureIsToldAndStopsOnlyTheEndOfTheRun) {
  auto run = saves();
  run->begin({10, {}});
  run->settle();
  std::filesystem::rename(run_dir() + "/checkpoints", run_dir() + "/aside");
  block();
  run->begin({20, {}});
  run->settle();
  ASSERT_EQ(reports_.size(), 2U);
  EXPECT_NE(reports_[1].first, "");
  EXPECT_EQ(reports_[1].second, 10) << "the next try";
  EXPECT_FALSE(run->has(20));
  run->begin({25, {}});
  const auto message = error_of([&] { run->finish(25); });
  EXPECT_NE(message.find("The run ends after step 25 without a checkpoint of it."),
            std::string::npos)
      << message;
  EXPECT_NE(message.find("The last checkpoint is of step 10"), std::string::npos) << message;
  EXPECT_EQ(reports_[2].second, 0) << "no further try";
}

TEST_F(Saves, ALaterSaveMakesUpForAFailure) {
  auto run = saves();
  block();
  run->begin({10, {}});
  run->settle();
  unblock();
  run->begin({20, {}});
  EXPECT_NO_THROW(run->finish(20));
  EXPECT_EQ(steps(), std::vector<std::int64_t>{20});
}

TEST_F(Saves, TheBestIsSavedWhenItIsMeasuredAndKept) {
  auto run = saves(KeepBest::rankme);
  run->mark_best(KeepBest::rankme, 3, 5.0);
  EXPECT_TRUE(run->wanted(3));
  run->begin({3, {}});
  run->settle();
  run->mark_best(KeepBest::rankme, 6, 4.0);
  EXPECT_FALSE(run->wanted(6)) << "not better";
  run->begin({10, {}});
  run->settle();
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{10, 3}));
  // A restart knows it.
  run = saves(KeepBest::rankme);
  run->mark_best(KeepBest::rankme, 12, 4.5);
  EXPECT_FALSE(run->wanted(12));
  run->mark_best(KeepBest::rankme, 13, 5.5);
  EXPECT_TRUE(run->wanted(13));
  run->begin({13, {}});
  run->finish(13);
  EXPECT_EQ(steps(), std::vector<std::int64_t>{13}) << "the former best goes";
}

TEST_F(Saves, ABestThatCouldNotBeSavedIsNone) {
  auto run = saves(KeepBest::rankme);
  block();
  run->mark_best(KeepBest::rankme, 3, 5.0);
  run->begin({3, {}});
  run->settle();
  unblock();
  run->mark_best(KeepBest::rankme, 4, 4.0);
  EXPECT_TRUE(run->wanted(4));
  run->begin({4, {}});
  run->finish(4);
  EXPECT_EQ(read_marks(run_dir()).best, (BestCheckpoint{4, "rankme", 4.0}));
}

TEST_F(Saves, FiguresThatWereNotAskedForAreIgnored) {
  auto run = saves();
  run->mark_best(KeepBest::rankme, 3, 5.0);
  EXPECT_FALSE(run->wanted(3));
}

TEST_F(Saves, TheNewestHealthyOneOutlivesACollapse) {
  auto run = saves();
  for (const std::int64_t step : {10, 20, 30, 40, 50}) {
    if (step <= 20) run->mark_healthy(step);
    run->begin({step, {}});
    run->settle();
  }
  EXPECT_EQ(steps(), (std::vector<std::int64_t>{50, 20}));
}

}  // namespace
}  // namespace ijepa::test
