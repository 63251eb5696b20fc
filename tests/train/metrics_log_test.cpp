// The run folder's logs: the columns, what resuming removes, repair after kills, and full disks.
#include "ijepa/train/logs/metrics_log.hpp"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cmath>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "ijepa/core/error.hpp"
#include "ijepa/core/rng.hpp"

namespace ijepa {
namespace {

namespace fs = std::filesystem;

class MetricsLogTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto* info = testing::UnitTest::GetInstance()->current_test_info();
    folder_ = fs::temp_directory_path() / fmt::format("ijepa_{}_{}", info->name(), getpid());
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  std::string path(const char* name = "metrics.csv") const { return folder_ / name; }
  static StepMetrics row(std::int64_t epoch, std::int64_t iteration, double loss = 0.5) {
    StepMetrics m;
    m.epoch = epoch, m.iteration = iteration, m.loss = loss;
    return m;
  }
  /// Rows of `epochs` epochs of three steps.
  void write_rows(std::int64_t epochs) const {
    MetricsLog log(path(), {1, 0}, Log());
    for (std::int64_t e = 1; e <= epochs; ++e)
      for (std::int64_t i = 0; i < 3; ++i) log.append(row(e, i));
  }
  static std::vector<std::string> lines_of(const std::string& file) {
    std::ifstream stream(file);
    std::vector<std::string> lines;
    for (std::string line; std::getline(stream, line);) lines.push_back(line);
    return lines;
  }
  void append_raw(const std::string& text) const {
    std::ofstream(path(), std::ios::app | std::ios::binary) << text;
  }

  fs::path folder_;
};

/// Files may grow no further than `bytes` while this lives: what a full disk or a quota does.
class FileSizeLimit {
 public:
  explicit FileSizeLimit(std::uintmax_t bytes) {
    std::signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{static_cast<rlim_t>(bytes), before_.rlim_max};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() { setrlimit(RLIMIT_FSIZE, &before_); }
  FileSizeLimit(const FileSizeLimit&) = delete;
  FileSizeLimit& operator=(const FileSizeLimit&) = delete;

 private:
  rlimit before_{};
};

TEST_F(MetricsLogTest, ColumnsBeginWithTheReferences) {
  EXPECT_EQ(MetricsLog::header(),
            "epoch,itr,loss,mask-A,mask-B,time (ms),lr,weight_decay,momentum,encoder_gradient_norm,"
            "predictor_gradient_norm,images_per_second,data_wait,rank_wait,memory_mib,step");
  StepMetrics m{.epoch = 2,
                .iteration = 7,
                .step = 12,
                .loss = 0.25,
                .context_tokens = 60.5,
                .target_tokens = 40,
                .milliseconds = 125,
                .learning_rate = 1e-3,
                .weight_decay = 0.04,
                .momentum = 0.996,
                .encoder_gradient = 3,
                .predictor_gradient = 4,
                .images_per_second = 512,
                .data_wait = 0.01,
                .rank_wait = 0.02,
                .memory_mib = 900};
  MetricsLog(path(), {1, 0}, Log()).append(m);
  EXPECT_EQ(lines_of(path()).at(1),
            "2,7,0.25,60.5,40,125,0.001,0.04,0.996,3,4,512,0.01,0.02,900,12");
}

TEST_F(MetricsLogTest, ResumingCutsRepeatedRowsAndWritesNoSecondHeader) {
  write_rows(3);
  MetricsLog log(path(), {2, 1}, Log());
  log.append(row(2, 1, 0.75));
  const auto lines = lines_of(path());
  ASSERT_EQ(lines.size(), 6U);
  EXPECT_EQ(lines[0], MetricsLog::header());
  EXPECT_TRUE(lines[4].starts_with("2,0,0.5,"));
  EXPECT_TRUE(lines[5].starts_with("2,1,0.75,"));
}

TEST_F(MetricsLogTest, ResumingAfterTheLastRowLeavesTheFileAlone) {
  write_rows(2);
  const auto before = fs::last_write_time(path());
  MetricsLog(path(), {3, 0}, Log());
  EXPECT_EQ(lines_of(path()).size(), 7U);
  EXPECT_EQ(fs::last_write_time(path()), before);
}

TEST_F(MetricsLogTest, UnfinishedAndUnreadableRowsAreRemoved) {
  write_rows(1);
  append_raw("1,3,0.5,,\n\n4294967296000000000000,0,1,1,1,1,1,1,1,1,1,1,1,1,1,1\n1,4,0.2");
  MetricsLog log(path(), {2, 0}, Log());
  log.append(row(2, 0));
  const auto lines = lines_of(path());
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_TRUE(lines[4].starts_with("2,0,"));
}

TEST_F(MetricsLogTest, AFileCutInItsHeaderIsStartedAgain) {
  append_raw(MetricsLog::header().substr(0, 20));
  MetricsLog(path(), {1, 0}, Log()).append(row(1, 0));
  EXPECT_EQ(lines_of(path()).size(), 2U);
  EXPECT_EQ(lines_of(path())[0], MetricsLog::header());
}

TEST_F(MetricsLogTest, AFileWithOtherColumnsIsKeptAside) {
  append_raw("epoch,itr,loss\n1,0,0.5\n");
  testing::internal::CaptureStderr();
  MetricsLog(path(), {1, 1}, Log());
  EXPECT_NE(testing::internal::GetCapturedStderr().find("metrics.csv.1"), std::string::npos);
  EXPECT_EQ(lines_of(path()), std::vector<std::string>{MetricsLog::header()});
  EXPECT_EQ(lines_of(path("metrics.csv.1")).size(), 2U);
}

TEST_F(MetricsLogTest, AFileWithoutStepsIsGivenThem) {
  const auto header = MetricsLog::header();
  append_raw(header.substr(0, header.rfind(',')) + "\n");
  for (const char* key : {"1,0", "1,2", "2,0", "2,1"})
    append_raw(std::string(key) + ",0.5,1,1,1,1,1,1,1,1,1,1,1,1\n");
  append_raw("2,2,0.5");
  MetricsLog(path(), {2, 1, 3}, Log()).append(row(2, 1, 0.75));
  const auto lines = lines_of(path());
  ASSERT_EQ(lines.size(), 5U);
  EXPECT_EQ(lines[0], header);
  EXPECT_EQ(lines[2], "1,2,0.5,1,1,1,1,1,1,1,1,1,1,1,1,3");
  EXPECT_EQ(lines[3], "2,0,0.5,1,1,1,1,1,1,1,1,1,1,1,1,4");
  EXPECT_TRUE(lines[4].starts_with("2,1,0.75,"));
  EXPECT_FALSE(fs::exists(path("metrics.csv.1")));
}

TEST_F(MetricsLogTest, DamagedFilesNeverCrash) {
  write_rows(100);
  testing::internal::CaptureStderr();  // a damaged header is reported
  std::ifstream stream(path(), std::ios::binary);
  std::stringstream whole;
  whole << stream.rdbuf();
  Rng rng(5, Purpose::test);
  for (int trial = 0; trial < 50; ++trial) {
    std::string text = whole.str().substr(0, rng.below(whole.str().size()));
    for (int i = 0; i < 3 && !text.empty(); ++i)
      text[rng.below(text.size())] = static_cast<char>(rng.below(256));
    std::ofstream(path(), std::ios::binary) << text;
    MetricsLog(path(), {2, 2}, Log(1)).append(row(2, 2));
    const auto lines = lines_of(path());
    ASSERT_GE(lines.size(), 2U);
    EXPECT_EQ(lines.front(), MetricsLog::header());
    EXPECT_TRUE(lines.back().starts_with("2,2,"));
  }
  testing::internal::GetCapturedStderr();
}

TEST_F(MetricsLogTest, OnAFullDiskWholeLinesAreDroppedWithOneWarningUntilThereIsRoom) {
  // More rows than the warning is long: the captured text is a file under the same limit.
  write_rows(20);
  MetricsLog log(path(), {21, 0}, Log());
  const std::size_t before = lines_of(path()).size();
  const auto whole = fs::file_size(path());
  testing::internal::CaptureStderr();
  {
    const FileSizeLimit limit(fs::file_size(path()) + 10);
    log.append(row(21, 0));
    log.append(row(21, 1));
  }
  EXPECT_EQ(fs::file_size(path()), whole) << "a part of a row stayed";
  const std::string warnings = testing::internal::GetCapturedStderr();
  EXPECT_EQ(log.dropped_lines(), 2);
  EXPECT_EQ(std::count(warnings.begin(), warnings.end(), '\n'), 1) << warnings;
  EXPECT_NE(warnings.find("The run goes on"), std::string::npos) << warnings;
  log.append(row(21, 2));
  const auto lines = lines_of(path());
  ASSERT_EQ(lines.size(), before + 1);
  EXPECT_TRUE(lines.back().starts_with("21,2,"));
}

TEST_F(MetricsLogTest, AFolderThatIsAbsentIsAnErrorAtTheStart) {
  EXPECT_THROW(MetricsLog(path("no/such/metrics.csv"), {1, 0}, Log()), Error);
  EXPECT_THROW(EventLog(path("no/such/events.jsonl"), Log()), Error);
}

// A rank that reports a hang writes beside the trainer of rank 0.
TEST_F(MetricsLogTest, TwoWritersOfEventsLeaveTheLinesOfBothWhole) {
  EventLog first(path("events.jsonl"), Log()), second(path("events.jsonl"), Log());
  for (int i = 0; i < 3; ++i) {
    first.write("saved", {{"step", i}});
    second.write("hang", {{"text", std::string(100, 'x')}});
  }
  std::ifstream file(path("events.jsonl"));
  std::vector<std::string> events;
  for (std::string line; std::getline(file, line);)
    events.push_back(nlohmann::json::parse(line).at("event"));
  EXPECT_EQ(events, (std::vector<std::string>{"saved", "hang", "saved", "hang", "saved", "hang"}));
}

TEST_F(MetricsLogTest, EventsAreOneObjectALineWhateverTheyHold) {
  {
    EventLog events(path("events.jsonl"), Log());
    events.write("start", {{"ranks", 2}, {"config", "a\nb"}});
    events.write("health", {{"rankme", NAN}, {"path", "\xff"}});
  }
  std::ofstream(path("events.jsonl"), std::ios::app) << std::string(9000, 'x');  // killed here
  EventLog(path("events.jsonl"), Log()).write("resume", nlohmann::json::object());
  const auto lines = lines_of(path("events.jsonl"));
  ASSERT_EQ(lines.size(), 3U);
  const auto start = nlohmann::json::parse(lines[0]);
  EXPECT_EQ(start["event"], "start");
  EXPECT_EQ(start["config"], "a\nb");
  EXPECT_EQ(start["time"].get<std::string>().size(), 20U);
  EXPECT_TRUE(nlohmann::json::parse(lines[1])["rankme"].is_null());
  EXPECT_EQ(nlohmann::json::parse(lines[2])["event"], "resume");
}

}  // namespace
}  // namespace ijepa
