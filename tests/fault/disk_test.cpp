// A disk that is full, broken or read-only at any write of a save: training goes on, says so and
// tries again; nothing half is ever there under a checkpoint's name, and the run loses nothing that
// was saved.
#include <array>
#include <cerrno>

#include "ijepa/core/rng.hpp"
#include "tests/support/pretrain_program.hpp"
#include "tests/support/trials.hpp"

namespace ijepa::test {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

constexpr int last_step = 12;
constexpr long for_ever = 1'000'000'000;

class Disk : public PretrainProgram {
 protected:
  /// A checkpoint every third step, on a disk of which calls number `first` and the `count` from
  /// there fail.
  Words training(const std::string& run, int error, long first, long count, int ranks = 1) const {
    const Words faulty{"env", std::string("LD_PRELOAD=") + IJEPA_DISK_FAULTS,
                       fmt::format("IJEPA_DISK_FAULT=/checkpoints {} {} {}", error, first, count)};
    const Words program = sound_training(run, last_step);
    return ranks == 1 ? faulty + program : on_ranks(ranks, faulty + program);
  }
  Words sound_training(const std::string& run, int until) const {
    return command({run_dir(run), steps(until), "run.checkpoint_steps=3",
                    "run.save_retry_seconds=0.02", "run.keep_last=9"});
  }
  void expect_whole_checkpoints(const std::string& run) const {
    for (const auto& folder : list_checkpoints(path(run).string()))
      EXPECT_NO_THROW(verify_parts(folder, read_manifest(folder))) << folder;
  }
  std::int64_t newest_step(const std::string& run) const {
    const auto folders = list_checkpoints(path(run).string());
    return folders.empty() ? -1 : checkpoint_step(folders.front());
  }
  /// On a sound disk the run goes on to the end of one that never met a fault.
  void expect_goes_on(const std::string& run_name) const {
    if (!std::filesystem::exists(path("undisturbed"))) {
      EXPECT_EQ(run(sound_training("undisturbed", last_step + 2)).code, 0);
    }
    const Ended ended = run(sound_training(run_name, last_step + 2));
    EXPECT_EQ(ended.code, 0) << ended.output;
    expect_same_run(path("undisturbed"), path(run_name), run_name);
  }
};

TEST_F(Disk, FailsAtAnyCall) {
  constexpr std::array errors{ENOSPC, EIO, EDQUOT, EROFS};
  for (int trial = 0; trial < trials(10); ++trial) {
    Rng rng(11, Purpose::test, 0, static_cast<std::uint64_t>(trial));
    const int error = errors[rng.below(errors.size())];
    // A save takes some hundred calls; short and long failures.
    const auto first = static_cast<long>(rng.below(1000));
    const auto count = static_cast<long>(rng.below(2) == 0 ? 1 + rng.below(3) : rng.below(600));
    const std::string name = "trial" + std::to_string(trial);
    const Ended ended = run(training(name, error, first, count));
    const std::string what =
        fmt::format("error {} at {} for {}\n{}", error, first, count, ended.output);
    EXPECT_FALSE(ended.hung) << what;
    EXPECT_EQ(read_metrics(path(name)).size(), std::size_t{last_step}) << what;
    expect_whole_checkpoints(name);
    if (newest_step(name) == last_step) {
      EXPECT_EQ(ended.code, 0) << what;
    } else {
      EXPECT_EQ(ended.code, 1) << what;
      EXPECT_THAT(ended.output, HasSubstr("The run ends after step 12 without a checkpoint of it"));
    }
    expect_goes_on(name);
    std::filesystem::remove_all(path(name));
  }
}

TEST_F(Disk, IsFullForAWhile) {
  for (const int ranks : {1, 2}) {
    const std::string name = "ranks" + std::to_string(ranks);
    const Ended ended = run(training(name, ENOSPC, 0, 3, ranks));
    EXPECT_EQ(ended.code, 0) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("was not saved; former ones are untouched."));
    EXPECT_THAT(ended.output, HasSubstr("No space left on device"));
    EXPECT_THAT(ended.output, HasSubstr("Training goes on; the next try is in"));
    EXPECT_THAT(read_text(path(name) / "events.jsonl"), HasSubstr("\"event\":\"save_failed\""));
    EXPECT_EQ(newest_step(name), last_step);
    expect_whole_checkpoints(name);
  }
}

TEST_F(Disk, IsReadOnlyToTheEnd) {
  ASSERT_EQ(run(sound_training("run", 3)).code, 0);
  const Ended ended = run(training("run", EROFS, 0, for_ever));
  EXPECT_EQ(ended.code, 1) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("Read-only file system"));
  EXPECT_THAT(ended.output,
              HasSubstr("error: The run ends after step 12 without a checkpoint of it."));
  EXPECT_THAT(ended.output, HasSubstr("The last checkpoint is of step 3"));
  EXPECT_EQ(newest_step("run"), 3);
  expect_goes_on("run");
}

TEST_F(Disk, FailsWhenARunIsStopped) {
  const Words endless = training("run", ENOSPC, 0, for_ever) +
                        Words{"--set", "optim.max_steps=0", "--set", "optim.epochs=1000000",
                              "--set", "run.log_every=1"};
  Job job(endless);
  ASSERT_TRUE(job.read_until("step 20/"));
  job.signal(SIGTERM);
  const Ended ended = job.wait();
  EXPECT_EQ(ended.code, 1) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("There is no checkpoint to go on from"));
}

TEST_F(Disk, IsSlowWhenSignalsCome) {
  // 2 ms a call: a save takes longer than several steps, and signals meet it.
  for (int trial = 0; trial < 3; ++trial) {
    const Words slow = training("run", 0, 0, 2000) + Words{"--set", "optim.max_steps=0",
                                                           "--set", "optim.epochs=1000000",
                                                           "--set", "run.log_every=1"};
    Job job(slow);
    ASSERT_TRUE(job.read_until(
        "step " + std::to_string(std::max<std::int64_t>(newest_step("run"), 0) + 4 + trial) + "/"));
    job.signal(SIGTERM);
    const Ended ended = job.wait();
    EXPECT_EQ(ended.code, 85) << ended.output;
    EXPECT_EQ(newest_step("run"), static_cast<std::int64_t>(read_metrics(path("run")).size()));
    expect_whole_checkpoints("run");
  }
}

}  // namespace
}  // namespace ijepa::test
