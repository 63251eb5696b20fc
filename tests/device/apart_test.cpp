// Tasks in child processes: whatever one does, the others run and each is told of.
#include "tests/support/apart.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <map>

namespace ijepa::test {
namespace {

std::map<std::size_t, Outcome> outcomes(std::size_t count,
                                        const std::function<std::string(std::size_t)>& task) {
  std::map<std::size_t, Outcome> all;
  run_apart(count, 1, task, [&](std::size_t i, const Outcome& outcome) {
    EXPECT_EQ(all.count(i), 0U) << i << " is told of twice";
    all[i] = outcome;
  });
  EXPECT_EQ(all.size(), count);
  return all;
}

TEST(RunApart, GoesOnPastTasksThatThrowDieAndHang) {
  const auto all = outcomes(6, [](std::size_t i) -> std::string {
    if (i == 1) fail("bad access");
    if (i == 2) std::raise(SIGKILL);
    if (i == 3) ::pause();
    if (i == 4) ::_exit(3);
    return "result " + std::to_string(i);
  });
  EXPECT_TRUE(all.at(0).done);
  EXPECT_EQ(all.at(0).text, "result 0");
  EXPECT_EQ(all.at(1).text, "bad access");
  EXPECT_EQ(all.at(2).text, "died: Killed");
  EXPECT_EQ(all.at(3).text, "took longer than 1 s");
  EXPECT_EQ(all.at(4).text, "ended its process with code 3");
  for (const std::size_t i : {1, 2, 3, 4}) EXPECT_FALSE(all.at(i).done) << i;
  EXPECT_EQ(all.at(5).text, "result 5");
}

TEST(RunApart, TheLastTaskMayDie) {
  const auto all = outcomes(2, [](std::size_t i) -> std::string {
    if (i == 1) std::raise(SIGSEGV);
    return "";
  });
  EXPECT_TRUE(all.at(0).done);
  EXPECT_FALSE(all.at(1).done);
}

TEST(RunApart, OneProcessServesAsManyTasksAsItCan) {
  const auto all = outcomes(4, [](std::size_t i) {
    if (i == 1) fail("bad access");
    return std::to_string(::getpid());
  });
  EXPECT_EQ(all.at(2).text, all.at(3).text);
  EXPECT_NE(all.at(0).text, all.at(2).text);
}

TEST(RunApart, LongTextsArriveWhole) {
  const std::string text(300'000, 'x');
  EXPECT_EQ(outcomes(1, [&](std::size_t) { return text; }).at(0).text, text);
}

}  // namespace
}  // namespace ijepa::test
