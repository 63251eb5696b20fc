#include "ijepa/train/run/run_lock.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <limits>
#include <optional>
#include <thread>

#include "ijepa/core/error.hpp"
#include "ijepa/core/file.hpp"
#include "src/train/run/lock_record.hpp"

namespace ijepa::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

const RunLockOptions quick{.heartbeat = 20ms, .stale_after = 200ms};

class RunLockTest : public testing::Test {
 protected:
  RunLockTest() {
    std::string pattern = (fs::temp_directory_path() / "ijepa_lock_XXXXXX").string();
    run_dir_ = ::mkdtemp(pattern.data());
  }
  ~RunLockTest() override { fs::remove_all(run_dir_); }

  std::string path() const { return run_dir_ + "/run.lock"; }
  Cluster job(const std::string& id, int restarts = 0) const {
    Cluster c;
    c.job_id = id;
    c.restart_count = restarts;
    return c;
  }
  /// The lock of a holder on another machine.
  void write_foreign(const std::string& job_id, std::int64_t heartbeat_ms) {
    LockRecord record = own_record(job(job_id), 20);
    record.machine = "elsewhere";
    record.host = "n7";
    record.heartbeat_ms = heartbeat_ms;
    std::ofstream(path()) << to_text(record);
  }
  std::string refusal(const std::string& job_id) {
    try {
      const RunLock lock(run_dir_, job(job_id), Log(), quick);
    } catch (const Error& e) {
      return e.what();
    }
    return "";
  }
  /// What is said while the lock is taken.
  std::string warning(const Cluster& cluster) {
    testing::internal::CaptureStderr();
    { const RunLock lock(run_dir_, cluster, Log(), quick); }
    return testing::internal::GetCapturedStderr();
  }

  std::string run_dir_;
};

TEST_F(RunLockTest, TellsItsHolderAndIsReleased) {
  {
    const RunLock lock(run_dir_, job("17", 2), Log(), quick);
    const auto record = parse_lock_record(read_text_file(path())).value();
    EXPECT_EQ(record.job_id, "17");
    EXPECT_EQ(record.restart_count, 2);
    EXPECT_EQ(record.pid, ::getpid());
    EXPECT_EQ(record.host, host_name());
    lock.check_held();
  }
  EXPECT_TRUE(fs::is_empty(run_dir_));
}

TEST_F(RunLockTest, ASecondJobIsRefusedWithTheHoldersName) {
  const RunLock lock(run_dir_, job("17"), Log(), quick);
  const auto message = refusal("18");
  EXPECT_NE(message.find("in use by job 17 (process "), std::string::npos) << message;
  EXPECT_NE(message.find(path()), std::string::npos);
  // The same job twice at the same time on one machine is no restart either.
  EXPECT_FALSE(refusal("17").empty());
  EXPECT_EQ(std::distance(fs::directory_iterator(run_dir_), {}), 1);
}

TEST_F(RunLockTest, TheHeartIsBeating) {
  const RunLock lock(run_dir_, job(""), Log(), quick);
  const auto first = parse_lock_record(read_text_file(path())).value().heartbeat_ms;
  std::this_thread::sleep_for(200ms);
  EXPECT_GT(parse_lock_record(read_text_file(path())).value().heartbeat_ms, first);
  lock.check_held();
}

TEST_F(RunLockTest, AKilledHolderOfThisMachineIsReplacedAtOnce) {
  const pid_t child = ::fork();
  if (child == 0) {
    const RunLock lock(run_dir_, job("17"), Log(), quick);
    ::raise(SIGKILL);
  }
  ::waitpid(child, nullptr, 0);
  ASSERT_TRUE(fs::exists(path()));
  EXPECT_NE(warning(job("18")).find("its process is gone"), std::string::npos);
}

TEST_F(RunLockTest, ALivingHolderOfAnotherMachineIsRespected) {
  write_foreign("17", wall_clock_ms());
  EXPECT_NE(refusal("18").find("in use by job 17 (process "), std::string::npos);
}

TEST_F(RunLockTest, TheSameJobTakesOver) {
  write_foreign("17", wall_clock_ms());
  EXPECT_NE(warning(job("17", 1)).find("an earlier start of this job (restart 1)"),
            std::string::npos);
}

TEST_F(RunLockTest, NoJobIsNotTheSameJob) {
  write_foreign("", wall_clock_ms());
  EXPECT_FALSE(refusal("").empty());
}

TEST_F(RunLockTest, ASilentHolderIsReplaced) {
  write_foreign("17", wall_clock_ms() - 5000);
  EXPECT_NE(warning(job("18")).find("silent for 5 s"), std::string::npos);
}

TEST_F(RunLockTest, ASilentHolderFromTheFutureIsReplaced) {
  write_foreign("17", wall_clock_ms() + 5000);
  EXPECT_NE(warning(job("18")).find("it is silent and was ahead of this clock by"),
            std::string::npos);
  write_foreign("17", wall_clock_ms() + 100);
  EXPECT_NE(refusal("18").find("in use by job 17"), std::string::npos) << "clocks differ a little";
}

TEST_F(RunLockTest, TimesHaveSums) {
  LockRecord record = own_record(job("1"), 20);
  record.heartbeat_ms = std::numeric_limits<std::int64_t>::max();
  record.interval_ms = std::numeric_limits<std::int64_t>::min();
  const auto read = parse_lock_record(to_text(record)).value();
  EXPECT_EQ(read.heartbeat_ms, std::int64_t{1} << 52);
  EXPECT_EQ(read.interval_ms, 0);
  auto text = to_text(record);
  const std::string number = "\"heartbeat_ms\":9223372036854775807";
  ASSERT_NE(text.find(number), std::string::npos) << text;
  text.replace(text.find(number), number.size(), "\"heartbeat_ms\":1e300");
  EXPECT_FALSE(parse_lock_record(text).has_value());
}

TEST_F(RunLockTest, AHolderWithAWrongClockLives) {
  write_foreign("17", wall_clock_ms() - 1'000'000);
  std::atomic<bool> stop{false};
  std::thread holder([&] {
    for (std::int64_t beat = 1; !stop; ++beat) {
      const auto record = parse_lock_record(read_text_file(path()));
      if (record) {
        auto next = *record;
        next.heartbeat_ms += 10;
        File(path(), File::Mode::update).write(0, to_text(next).data(), to_text(next).size());
      }
      std::this_thread::sleep_for(10ms);
    }
  });
  EXPECT_FALSE(refusal("18").empty());
  stop = true;
  holder.join();
}

// Sums of such times would overflow.
TEST_F(RunLockTest, TimesOfALockAreTimes) {
  LockRecord record = own_record(job("1"), 20);
  record.heartbeat_ms = std::numeric_limits<std::int64_t>::min();
  record.interval_ms = std::numeric_limits<std::int64_t>::max();
  const auto read = parse_lock_record(to_text(record));
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->heartbeat_ms, 0);
  EXPECT_LE(read->interval_ms, std::int64_t{1} << 52);
  EXPECT_FALSE(parse_lock_record("{\"token\": " + std::string(1'000'000, '[')).has_value());
}

TEST_F(RunLockTest, ALockThatNamesNobodyIsReplaced) {
  for (const char* text : {"", "{\"token\": 3}", "garbage"}) {
    std::ofstream(path()) << text;
    EXPECT_NE(warning(job("18")).find("names no holder"), std::string::npos);
  }
}

TEST_F(RunLockTest, ALostLockStopsTheJobAndIsLeftToItsNewHolder) {
  {
    const RunLock lock(run_dir_, job("17"), Log(), quick);
    write_foreign("18", wall_clock_ms());
    std::this_thread::sleep_for(600ms);
    EXPECT_THROW(lock.check_held(), Error);
  }
  EXPECT_EQ(parse_lock_record(read_text_file(path())).value().job_id, "18");
  fs::remove(path());
  const RunLock removed(run_dir_, job("17"), Log(), quick);
  fs::remove(path());
  std::this_thread::sleep_for(600ms);
  EXPECT_THROW(removed.check_held(), Error);
}

/// Says through the pipe whether it got the lock, and keeps it until it is killed.
[[noreturn]] void compete(const std::string& run_dir, const Cluster& cluster, int report) {
  std::optional<RunLock> lock;
  try {
    lock.emplace(run_dir, cluster, Log(1), quick);
    std::this_thread::sleep_for(100ms);
    lock->check_held();
  } catch (const Error&) {
    lock.reset();
  }
  const char got = lock ? 1 : 0;
  if (::write(report, &got, 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

TEST_F(RunLockTest, OfManyThatWouldTakeADeadLockOneGetsIt) {
  for (int round = 0; round < 5; ++round) {
    write_foreign("17", wall_clock_ms() - 5000);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    std::vector<pid_t> children;
    for (int i = 0; i < 4; ++i) {
      children.push_back(::fork());
      if (children.back() == 0) compete(run_dir_, job(std::to_string(100 + i)), ends[1]);
    }
    int winners = 0;
    for (std::size_t i = 0; i < children.size(); ++i) {
      char got = 0;
      ASSERT_EQ(::read(ends[0], &got, 1), 1);
      winners += got;
    }
    for (const pid_t child : children) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
    for (const int end : ends) ::close(end);
    EXPECT_EQ(winners, 1);
    fs::remove(path());
  }
}

TEST_F(RunLockTest, AFolderThatIsNotThereIsAnError) {
  EXPECT_THROW(RunLock(run_dir_ + "/none", job("1"), Log(), quick), Error);
}

TEST_F(RunLockTest, ALivingHolderIsNamedToThoseWhoOnlyLook) {
  EXPECT_FALSE(living_holder(run_dir_));
  {
    const RunLock lock(run_dir_, job("17"), Log(), quick);
    EXPECT_NE(living_holder(run_dir_).value_or("").find("job 17"), std::string::npos);
  }
  EXPECT_FALSE(living_holder(run_dir_));
  write_foreign("18", wall_clock_ms());
  EXPECT_TRUE(living_holder(run_dir_));
  write_foreign("18", wall_clock_ms() - 1'000'000);
  EXPECT_FALSE(living_holder(run_dir_));
  std::ofstream(path()) << "no record";
  EXPECT_FALSE(living_holder(run_dir_));
}

}  // namespace
}  // namespace ijepa::test
