#include "ijepa/comm/deadline.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <ctime>

namespace ijepa {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Deadline, WithoutLimitsIsNeverDue) {
  EXPECT_EQ(Deadline({}).due(1e9), StopReason::none);
}

TEST(Deadline, LeavesTimeForTwoSavesTwoStepsAndTheMargin) {
  Deadline deadline({.job_seconds = 1000, .slice_seconds = 0, .margin_seconds = 60});
  deadline.expect_save(30);
  deadline.stepped_in(5);
  EXPECT_EQ(deadline.due(869), StopReason::none);
  EXPECT_EQ(deadline.due(870), StopReason::job_ends);
  deadline.saved_in(100);
  deadline.saved_in(50);  // the longest one counts
  EXPECT_EQ(deadline.due(729), StopReason::none);
  EXPECT_EQ(deadline.due(730), StopReason::job_ends);
}

TEST(Deadline, ASliceNeedsNoMargin) {
  Deadline deadline({.job_seconds = {}, .slice_seconds = 100, .margin_seconds = 60});
  deadline.saved_in(2);
  deadline.stepped_in(1);
  EXPECT_EQ(deadline.due(93), StopReason::none);
  EXPECT_EQ(deadline.due(94), StopReason::slice_done);
}

TEST(Deadline, IsDueWhenNoSecondsAreLeft) {
  EXPECT_TRUE(std::isinf(Deadline({}).seconds_left(1e9)));
  Deadline both({.job_seconds = 1000, .slice_seconds = 100, .margin_seconds = 60});
  Deadline job({.job_seconds = 1000, .slice_seconds = 0, .margin_seconds = 60});
  for (Deadline* deadline : {&both, &job}) {
    deadline->saved_in(2);
    deadline->stepped_in(1);
  }
  EXPECT_EQ(both.seconds_left(90), 4);
  EXPECT_EQ(job.seconds_left(934), 0);
  EXPECT_EQ(job.due(934), StopReason::job_ends);
}

TEST(Deadline, TheJobsEndIsTheStrongerReason) {
  const Deadline deadline({.job_seconds = 10, .slice_seconds = 10, .margin_seconds = 0});
  EXPECT_EQ(deadline.due(20), StopReason::job_ends);
  EXPECT_EQ(text_of(StopReason::job_ends), "before the job's time is over");
}

std::int64_t unix_now() {
  return std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
}

/// As Slurm prints it.
std::string local_time_in(std::int64_t seconds) {
  const std::time_t then = unix_now() + seconds;
  std::tm parts{};
  ::localtime_r(&then, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  return text.data();
}

/// Answers by the program that is asked, and what it was asked.
struct Tools {
  std::string squeue, scontrol;
  std::vector<std::string> asked;
  std::optional<double> seconds(const Environment& environment) {
    return seconds_to_job_end(environment, Log(1), [&](const std::string& command) {
      asked.push_back(command);
      return command.find("squeue") != std::string::npos ? squeue : scontrol;
    });
  }
};

TEST(JobEnd, IsAskedOfSlurmOnlyInsideAJob) {
  Tools tools;
  EXPECT_FALSE(tools.seconds({}));
  EXPECT_FALSE(tools.seconds({{"SLURM_JOB_ID", "1; rm -rf x"}}));
  EXPECT_TRUE(tools.asked.empty());
}

TEST(JobEnd, TheEnvironmentIsBelievedFirst) {
  Tools tools;
  const auto left = tools.seconds(
      {{"SLURM_JOB_ID", "17"}, {"SLURM_JOB_END_TIME", std::to_string(unix_now() + 500)}});
  ASSERT_TRUE(left);
  EXPECT_NEAR(*left, 500, 3);
  EXPECT_TRUE(tools.asked.empty());
}

TEST(JobEnd, SqueueThenScontrolAreAsked) {
  Tools tools{local_time_in(700), "", {}};
  auto left = tools.seconds({{"SLURM_JOB_ID", "17"}});
  ASSERT_TRUE(left);
  EXPECT_NEAR(*left, 700, 3);
  EXPECT_THAT(tools.asked, ElementsAre(HasSubstr("squeue -h -j 17 -o %e")));
  tools = {"", "JobId=17 JobName=x EndTime=" + local_time_in(900) + " Deadline=N/A", {}};
  left = tools.seconds({{"SLURM_JOB_ID", "17"}});
  ASSERT_TRUE(left);
  EXPECT_NEAR(*left, 900, 3);
  EXPECT_THAT(tools.asked, ElementsAre(HasSubstr("squeue"), HasSubstr("scontrol -o show job 17")));
}

TEST(JobEnd, AJobWithoutLimitHasNone) {
  for (const char* answer : {"N/A", "NONE", "Unknown"}) {
    Tools tools{answer, "", {}};
    EXPECT_FALSE(tools.seconds({{"SLURM_JOB_ID", "17"}})) << answer;
  }
}

TEST(JobEnd, MissingToolsAreNotedOnce) {
  testing::internal::CaptureStderr();
  EXPECT_FALSE(seconds_to_job_end({{"SLURM_JOB_ID", "17"}}, Log(0),
                                  [](const std::string&) { return std::string(); }));
  const std::string said = testing::internal::GetCapturedStderr();
  EXPECT_THAT(said, HasSubstr("neither squeue nor scontrol tells when job 17 ends"));
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1);
}

TEST(JobEnd, ACommandGivesItsFirstLineOrNothing) {
  EXPECT_EQ(first_line_of("printf 'one\\ntwo\\n'"), "one");
  EXPECT_EQ(first_line_of("no-such-program-anywhere"), "");
}

}  // namespace
}  // namespace ijepa
