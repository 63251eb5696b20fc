// A run that is signalled or killed at any moment goes on, and ends with the bits of an undisturbed
// one.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>

#include "tests/support/pretrain_program.hpp"

namespace ijepa::test {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

constexpr const char* patience = "OMPI_MCA_odls_base_sigkill_timeout";

class Interruptions : public PretrainProgram {
 protected:
  Interruptions() { ::setenv(patience, "2", 1); }
  ~Interruptions() override { ::unsetenv(patience); }

  /// A checkpoint every 7 steps, a progress line every told_every_ steps; without an end where
  /// `last` is 0, for mpirun passes a signal on only after its patience.
  Words training(const std::string& run, std::int64_t last = 0) const {
    return command({run_dir(run), "optim.epochs=1000000",
                    "run.log_every=" + std::to_string(told_every_), "run.checkpoint_steps=7",
                    "optim.max_steps=" + std::to_string(last)});
  }
  /// Some steps more, and all of them in another folder.
  void finish_and_compare(int ranks) const {
    const auto last = newest_step() + 20;
    for (const char* name : {"run", "undisturbed"}) {
      const Ended ended = run(on_ranks(ranks, training(name, last)));
      EXPECT_EQ(ended.code, 0) << ended.output;
    }
    EXPECT_EQ(read_metrics(path("undisturbed")).size(), static_cast<std::size_t>(last));
    expect_same_run(path("undisturbed"), path("run"), "after the interruptions");
  }
  std::int64_t newest_step() const {
    const auto folders = list_checkpoints(path("run").string());
    return folders.empty() ? 0 : checkpoint_step(folders.front());
  }
  /// How the progress line of a step begins that is so far ahead of the newest checkpoint, or of
  /// the next one that has a line.
  std::string step_ahead(std::int64_t steps) const {
    const std::int64_t lines = (newest_step() + steps + told_every_ - 1) / told_every_;
    return "step " + std::to_string(lines * told_every_) + "/";
  }
  pid_t first_rank() const {
    const auto record = nlohmann::json::parse(read_text(path("run") / "run.lock"), nullptr, false);
    return record.is_object() ? record.value("pid", pid_t{0}) : 0;
  }
  std::optional<std::int64_t> step_being_saved() const {
    const std::string unfinished = "unfinished_step_";
    std::error_code none_yet;
    for (const auto& entry :
         std::filesystem::directory_iterator(path("run") / "checkpoints", none_yet)) {
      const std::string name = entry.path().filename().string();
      if (name.starts_with(unfinished)) return std::stoll(name.substr(unfinished.size()));
    }
    return {};
  }
  /// Keeps a stopped rank stopped, though mpirun continues its ranks before it signals them.
  static void hold(pid_t rank, std::chrono::milliseconds time) {
    const auto end = std::chrono::steady_clock::now() + time;
    while (std::chrono::steady_clock::now() < end) {
      ::kill(rank, SIGSTOP);
      std::this_thread::sleep_for(200us);
    }
  }
  /// Until SIGTERM, which mpirun sends whatever it received, waits for the stopped rank.
  static bool hold_until_signalled(pid_t rank) {
    constexpr std::uint64_t term = std::uint64_t{1} << (SIGTERM - 1);
    const std::string field = "ShdPnd:";
    for (int tries = 0; tries < 10'000; ++tries) {
      hold(rank, 1ms);
      const std::string status = read_text("/proc/" + std::to_string(rank) + "/status");
      const auto at = status.find(field);
      if (at == std::string::npos) return false;
      if ((std::stoull(status.substr(at + field.size()), nullptr, 16) & term) != 0) return true;
    }
    return false;
  }
  /// Stops rank 0 in the middle of a save, as a disk does that does not answer.
  pid_t stop_in_a_save() const {
    for (int tries = 0; tries < 200'000; ++tries) {
      std::this_thread::sleep_for(100us);
      if (!step_being_saved()) continue;
      const pid_t rank = first_rank();
      if (rank == 0) continue;
      ::kill(rank, SIGSTOP);
      std::this_thread::sleep_for(5ms);
      const auto step = step_being_saved();
      if (step && *step > newest_step()) return rank;
      ::kill(rank, SIGCONT);
    }
    ADD_FAILURE() << "no save was met";
    return 0;
  }

  std::int64_t told_every_ = 1;  // steps from one progress line to the next
};

TEST_F(Interruptions, AProgramSavesAtASignal) {
  for (const int signal : {SIGTERM, SIGINT, SIGUSR1}) {
    Job job(training("run"));
    ASSERT_TRUE(job.read_until(step_ahead(10)));
    job.signal(signal);
    const Ended ended = job.wait();
    EXPECT_EQ(ended.code, 85) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("Saved after a signal"));
    EXPECT_EQ(newest_step(), static_cast<std::int64_t>(read_metrics(path("run")).size()));
  }
  finish_and_compare(1);
}

TEST_F(Interruptions, MpirunPassesSignalsOnAndTheRanksSave) {
  // While mpirun has patience it reads nothing: on a fast machine a line for every step fills the
  // pipe to it, and the ranks wait for ever.
  told_every_ = 10;
  for (const int signal : {SIGUSR1, SIGTERM, SIGINT}) {
    Job job(on_ranks(2, training("run")));
    ASSERT_TRUE(job.read_until(step_ahead(10)));
    job.signal(signal);
    const Ended ended = job.wait();
    EXPECT_NE(ended.code, 0) << ended.output;
    EXPECT_THAT(ended.output, HasSubstr("Saved after a signal"));
    EXPECT_EQ(newest_step(), static_cast<std::int64_t>(read_metrics(path("run")).size()));
  }
  finish_and_compare(2);
}

// mpirun waits, passes the signal on, and kills after its patience.
TEST_F(Interruptions, MpirunIsInterruptedDuringASaveOfMoreThanTwoSeconds) {
  ::setenv(patience, "8", 1);  // of which busy cores may need most for the rest of two saves
  for (const int signal : {SIGINT, SIGTERM}) {
    Job job(on_ranks(2, training("run")));
    const pid_t rank = stop_in_a_save();
    ASSERT_NE(rank, 0);
    const auto step = step_being_saved();
    job.signal(signal);
    ASSERT_TRUE(hold_until_signalled(rank));
    hold(rank, 2200ms);
    EXPECT_EQ(step_being_saved(), step);
    ::kill(rank, SIGCONT);
    const Ended ended = job.wait();
    EXPECT_THAT(ended.output, HasSubstr("Saved after a signal"));
    EXPECT_GE(newest_step(), *step);
    EXPECT_EQ(newest_step(), static_cast<std::int64_t>(read_metrics(path("run")).size()));
    EXPECT_FALSE(step_being_saved());
  }
  finish_and_compare(2);
}

TEST_F(Interruptions, KilledRanksEndTheJobAndTheRunGoesOn) {
  for (const int victim : {0, 1}) {
    Job job(on_ranks(2, training("run")));
    ASSERT_TRUE(job.read_until(step_ahead(10)));
    const pid_t first = first_rank();
    for (const pid_t rank : job.children())
      if ((rank == first) == (victim == 0)) ::kill(rank, SIGKILL);
    const Ended ended = job.wait();
    EXPECT_NE(ended.code, 0);
    EXPECT_FALSE(ended.hung) << ended.output;
  }
  finish_and_compare(2);
}

TEST_F(Interruptions, EverythingIsKilledAtRandomMoments) {
  Rng rng(5, Purpose::test);
  for (int kill = 0; kill < 8; ++kill) {
    Job job(kill % 2 == 0 ? training("run") : on_ranks(1, training("run")));
    if (kill < 6) {
      job.read_until(step_ahead(2 + static_cast<int>(rng.below(10))));
    } else {
      stop_in_a_save();
    }
    std::this_thread::sleep_for(std::chrono::microseconds(rng.below(20'000)));
    job.kill_all();
    job.wait();
  }
  finish_and_compare(1);
}

}  // namespace
}  // namespace ijepa::test
