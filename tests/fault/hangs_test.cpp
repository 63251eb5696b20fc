// Ranks that hang, start to finish: the launcher of this machine ends the job soon, with the code
// that says to start again, and starting again finishes the run.
#include <nlohmann/json.hpp>
#include <thread>

#include "ijepa/comm/cluster.hpp"
#include "ijepa/comm/exit_codes.hpp"
#include "tests/support/pretrain_program.hpp"

namespace ijepa::test {
namespace {

using testing::HasSubstr;

class Hangs : public PretrainProgram {
 protected:
  Words local(int ranks, const Words& settings) const {
    return Words{"bash", IJEPA_LOCAL_SH, "-n", std::to_string(ranks), "-t", "1"} +
           command(Words{"run.hang_seconds=3", "run.checkpoint_steps=7", "run.log_every=1"} +
                   settings);
  }
  Words without_end() const { return local(4, {"optim.epochs=1000000"}); }
  /// Goes on for some steps more.
  void finish() const {
    const auto last = checkpoint_step(list_checkpoints(path("run").string()).front()) + 10;
    const Ended ended =
        run(local(4, {"optim.epochs=1000000", "optim.max_steps=" + std::to_string(last)}));
    EXPECT_EQ(ended.code, exit_code::finished) << ended.output;
    EXPECT_EQ(read_metrics(path("run")).size(), static_cast<std::size_t>(last));
  }
  nlohmann::json last_hang() const {
    std::ifstream file(path("run") / "events.jsonl");
    nlohmann::json hang;
    for (std::string line; std::getline(file, line);) {
      const auto event = nlohmann::json::parse(line);
      if (event.at("event") == "hang") hang = event;
    }
    return hang;
  }
};

TEST_F(Hangs, AStoppedRankEndsTheJobWhichThenGoesOn) {
  for (const int stopped : {0, 2}) {
    Job job(without_end());
    // Saves go on beside steps, so the run is some steps further.
    ASSERT_TRUE(job.read_until("step " + std::to_string(stopped == 0 ? 7 : 14) + ": saved"));
    const pid_t pid = process_of_rank(job, stopped);
    ASSERT_NE(pid, 0);
    ::kill(pid, SIGSTOP);
    const Ended ended = job.wait();
    EXPECT_FALSE(ended.hung) << ended.output;
    EXPECT_EQ(ended.code, exit_code::hung) << ended.output;
    EXPECT_LT(ended.seconds, 60);
    const auto hang = last_hang();
    ASSERT_TRUE(hang.is_object()) << ended.output;
    EXPECT_EQ(hang.at("reason"), "silence");
    EXPECT_EQ(hang.at("reporter"), stopped == 0 ? 1 : 0);
    for (int rank = 0; rank < 4; ++rank)
      EXPECT_EQ(hang.at("ranks").at(static_cast<std::size_t>(rank)).at("late"), rank == stopped);
    EXPECT_THAT(ended.output, HasSubstr("rank " + std::to_string(stopped) + " (" + host_name()));
  }
  finish();
}

TEST_F(Hangs, AKilledRankEndsTheJobWhichThenGoesOn) {
  Job job(without_end());
  ASSERT_TRUE(job.read_until("step 7: saved"));  // some steps after the seventh
  const pid_t pid = process_of_rank(job, 2);
  ASSERT_NE(pid, 0);
  ::kill(pid, SIGKILL);
  const Ended ended = job.wait();
  EXPECT_FALSE(ended.hung) << ended.output;
  EXPECT_EQ(ended.code, 128 + SIGKILL) << ended.output;
  EXPECT_LT(ended.seconds, 60);
  finish();
}

TEST_F(Hangs, APauseOfTheProcessIsNotTakenForDisobedience) {
  Job job(command({"optim.epochs=1000000", "run.log_every=1", "run.stop_grace_seconds=1"}));
  ASSERT_TRUE(job.read_until("step 10/"));
  job.signal(SIGSTOP);
  job.signal(SIGTERM);
  std::this_thread::sleep_for(std::chrono::milliseconds(2500));
  job.signal(SIGCONT);
  const Ended ended = job.wait();
  EXPECT_EQ(ended.code, exit_code::saved) << ended.output;
}

TEST_F(Hangs, LossesThatAreNoNumbersEndWithACodeThatIsNeverStartedAgain) {
  const Ended ended = run(on_ranks(2, command({"data.std=[1e-39,1e-39,1e-39]", steps(9)})));
  EXPECT_EQ(ended.code, exit_code::not_finite) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("not finite in 4 steps in a row"));
  for (const char* file : {"step_0.rank_0.json", "step_0.rank_1.json", "step_3.rank_1.json"})
    EXPECT_TRUE(std::filesystem::exists(path("run") / "non_finite" / file)) << file;
  EXPECT_TRUE(list_checkpoints(path("run").string()).empty());
}

TEST_F(Hangs, ASliceOfTimeEndsWithASave) {
  const Ended ended =
      run(on_ranks(2, command({"optim.epochs=1000000"}) + Words{"--max-seconds", "2"}));
  EXPECT_EQ(ended.code, exit_code::saved) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("Saved after the time asked for"));
  EXPECT_FALSE(list_checkpoints(path("run").string()).empty());
}

TEST_F(Hangs, TheEndOfASlurmJobIsSeenInTime) {
  using Clock = std::chrono::system_clock;
  const auto end = Clock::now() + std::chrono::seconds(8);
  const Words in_job{"env", "SLURM_JOB_ID=17",
                     "SLURM_JOB_END_TIME=" + std::to_string(Clock::to_time_t(end))};
  const Ended ended =
      run(on_ranks(2, in_job + command({"optim.epochs=1000000", "run.stop_margin_seconds=2"})));
  EXPECT_LT(Clock::now(), end);
  EXPECT_EQ(ended.code, exit_code::saved) << ended.output;
  EXPECT_THAT(ended.output, HasSubstr("The job ends in"));
  EXPECT_THAT(ended.output, HasSubstr("Saved before the job's time is over"));
}

}  // namespace
}  // namespace ijepa::test
