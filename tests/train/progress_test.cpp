// Progress lines: what a log file gets, what a terminal gets.
#include "ijepa/train/logs/progress.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace ijepa {
namespace {

StepMetrics metrics(double loss, double milliseconds) {
  StepMetrics m;
  m.epoch = 3;
  m.loss = loss;
  m.milliseconds = milliseconds;
  m.images_per_second = 512;
  m.data_wait = 0.02;
  return m;
}

struct Screen {
  std::vector<std::string> writes;
  ProgressOptions options(Display display, std::int64_t log_every = 10) {
    return {.total_steps = 100,
            .log_every = log_every,
            .display = display,
            .write = [this](std::string_view text) { writes.emplace_back(text); }};
  }
};

TEST(Progress, PlainLinesComeEveryFewStepsAndAtTheEnd) {
  Screen screen;
  Progress progress(screen.options(Display::plain, 30));
  for (std::int64_t step = 1; step <= 100; ++step) progress.step(step, metrics(0.5, 1000), 0.41);
  ASSERT_EQ(screen.writes.size(), 4U);
  EXPECT_EQ(screen.writes[0],
            "step 30/100  epoch 3  loss 0.5000  512 images/s  41 % of peak  data wait 2 %  ETA "
            "1 min 10 s\n");
  EXPECT_TRUE(screen.writes[3].starts_with("step 100/100 "));
}

TEST(Progress, TheTimeLeftKnowsThatLaterStepsTakeLonger) {
  Screen screen;
  auto options = screen.options(Display::plain);
  options.first_steps = 60;
  options.later_cost = 2.5;
  Progress progress(options);
  for (std::int64_t step = 1; step <= 100; ++step)
    progress.step(step, metrics(0.5, step <= 60 ? 1001 : 2502), 0.41);
  EXPECT_TRUE(screen.writes[1].ends_with("ETA 2 min 20 s\n")) << screen.writes[1];  // 40 + 40 * 2.5
  EXPECT_TRUE(screen.writes[5].ends_with("ETA 1 min 40 s\n")) << screen.writes[5];  // nothing twice
}

TEST(Progress, TheLiveLineIsRepaintedAtMostTenTimesASecond) {
  Screen screen;
  Progress progress(screen.options(Display::live, 1000));
  for (std::int64_t step = 1; step <= 100; ++step) progress.step(step, metrics(0.5, 25), 0.41);
  EXPECT_EQ(screen.writes.size(), 26U);  // the first, every fourth, the last
  EXPECT_TRUE(screen.writes[0].starts_with("\r\x1b[Kstep 1/100 "));
  EXPECT_EQ(screen.writes[0].find('\n'), std::string::npos);
  EXPECT_TRUE(screen.writes.back().ends_with("\n"));
}

TEST(Progress, ATerminalKeepsTheLinesThatALogFileHas) {
  Screen log, terminal;
  Progress plain(log.options(Display::plain)), live(terminal.options(Display::live));
  for (std::int64_t step = 1; step <= 100; ++step) {
    plain.step(step, metrics(1.0 / static_cast<double>(step), 7), 0.41);
    live.step(step, metrics(1.0 / static_cast<double>(step), 7), 0.41);
  }
  std::vector<std::string> kept;
  for (const std::string& text : terminal.writes)
    if (text.ends_with("\n")) kept.push_back(text.substr(erase_line.size()));
  EXPECT_EQ(kept, log.writes);
  EXPECT_EQ(kept.size(), 10U);
}

TEST(Progress, ClearTakesTheLiveLineAwayOnce) {
  Screen screen;
  Progress progress(screen.options(Display::live));
  progress.clear();
  EXPECT_TRUE(screen.writes.empty());
  progress.step(1, metrics(0.5, 1), 0.4);
  progress.clear();
  progress.clear();
  EXPECT_EQ(screen.writes.size(), 2U);
  progress.step(2, metrics(0.5, 1), 0.4);
  EXPECT_EQ(screen.writes.size(), 3U) << "it comes back with the next step";
}

TEST(Progress, AveragesForgetAndLeaveOutWhatIsNotFinite) {
  Screen screen;
  Progress progress(screen.options(Display::plain, 1));
  progress.step(1, metrics(0.5, 1000), NAN);
  progress.step(2, metrics(0.25, 1000), NAN);
  progress.step(3, metrics(NAN, 1000), NAN);
  EXPECT_NE(screen.writes[1].find("loss 0.2500"), std::string::npos) << screen.writes[1];
  EXPECT_NE(screen.writes[1].find("- % of peak"), std::string::npos) << screen.writes[1];
  EXPECT_NE(screen.writes[2].find("loss 0.2500"), std::string::npos) << screen.writes[2];
}

TEST(Progress, Durations) {
  EXPECT_EQ(duration_text(45.9), "45 s");
  EXPECT_EQ(duration_text(125), "2 min 5 s");
  EXPECT_EQ(duration_text(2 * 3600 + 300), "2 h 5 min");
  EXPECT_EQ(duration_text(3 * 86400 + 4 * 3600), "3 d 4 h");
  EXPECT_EQ(duration_text(NAN), "-");
  EXPECT_EQ(duration_text(1e300), "11574074 d 1 h");
}

}  // namespace
}  // namespace ijepa
