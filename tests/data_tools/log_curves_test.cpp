#include "data_tools/plots/log_curves.hpp"

#include <gtest/gtest.h>

#include <fstream>

#include "tests/support/temporary_folder.hpp"

namespace ijepa::tools {
namespace {

/// The first lines of a published log have this form.
constexpr const char* header = "epoch,itr,loss,mask-A,mask-B,time (ms)\n";

class LogCurves : public ::testing::Test {
 protected:
  LogFile log(const std::string& text) {
    const auto path = (folder_.path() / "log.csv").string();
    std::ofstream(path) << text;
    return {"a", path};
  }
  std::string problem(const std::string& text, const std::string& column = "loss") {
    try {
      log_curve(log(text), column, 100);
    } catch (const Error& e) {
      return e.what();
    }
    return "no error";
  }
  test::TemporaryFolder folder_;
};

TEST_F(LogCurves, PutIterationsBetweenEpochs) {
  const auto curve = log_curve(log(std::string(header) + "1,0,0.5,60,30,100\n1,1,0.4,60,30,100\n"
                                                         "2,0,0.3,60,30,100\n2,1,0.2,60,30,90\n"),
                               "loss", 100);
  EXPECT_EQ(curve.x, (std::vector<double>{0.5, 1, 1.5, 2}));
  EXPECT_EQ(curve.y, (std::vector<double>{0.5, 0.4, 0.3, 0.2}));
}

TEST_F(LogCurves, AverageWindowsAndLeaveOutWhatIsNoNumber) {
  const auto curve = log_curve(log(std::string(header) + "1,0,1,60,30,100\n1,1,3,60,30,100\n"
                                                         "1,2,nan,60,30,100\n1,3,5,60,30,90\n"),
                               "loss", 2);
  EXPECT_EQ(curve.y, (std::vector<double>{2, 5}));
}

TEST_F(LogCurves, TakeRepeatedRowsAsTheyWereLast) {
  const auto curve = log_curve(
      log(std::string(header) + "1,0,1,6,3,9\n1,1,2,6,3,9\n" + header + "1,1,4,6,3,9\n1,2,"),
      "loss", 100);
  EXPECT_EQ(curve.y, (std::vector<double>{1, 4}));
}

TEST_F(LogCurves, NameWhatIsWrong) {
  EXPECT_NE(problem("epoch,itr\n1,0\n").find("no column \"loss\""), std::string::npos);
  EXPECT_NE(problem(header).find("no rows"), std::string::npos);
  EXPECT_NE(problem(std::string(header) + "1,0,x,6,3,9\n").find("Line 2"), std::string::npos);
  EXPECT_NE(problem(std::string(header) + "1,0,1\n1,1,1,6,3,9\n").find("3 fields"),
            std::string::npos);
  EXPECT_THROW(log_curve({"a", folder_.path().string()}, "loss", 100), Error);
  EXPECT_THROW(log_curve({"a", (folder_.path() / "none.csv").string()}, "loss", 100), Error);
}

TEST_F(LogCurves, OfARunsFolderHaveFiguresOfItsEventsToo) {
  std::ofstream(folder_.path() / "metrics.csv")
      << header << "1,0,0.5,60,30,100\n1,1,0.4,60,30,100\n2,0,0.3,60,30,100\n2,1,0.2,60,30,90\n";
  std::ofstream(folder_.path() / "events.jsonl")
      << "{\"event\":\"start\",\"step\":0}\n{\"event\":\"health\",\"step\":1,\"rankme\":7.5}\n"
         "{\"event\":\"health\",\"step\":4,\"rankme\":9}\n{\"event\":\"hea";
  const LogFile run{"a", folder_.path().string()};
  EXPECT_EQ(log_curve(run, "loss", 100).y.size(), 4U);
  const auto curve = log_curve(run, "rankme", 100);
  EXPECT_EQ(curve.x, (std::vector<double>{0.5, 2}));
  EXPECT_EQ(curve.y, (std::vector<double>{7.5, 9}));
  EXPECT_EQ(log_curve({"a", (folder_.path() / "events.jsonl").string()}, "rankme", 100).y, curve.y);
  try {
    log_curve(run, "nonsense", 100);
    FAIL();
  } catch (const Error& e) {
    EXPECT_NE(std::string(e.what()).find("they tell rankme"), std::string::npos) << e.what();
  }
}

TEST(LogFile, IsNamedByItsFolderOrItself) {
  EXPECT_EQ(parse_log_file("runs/first/metrics.csv").name, "first");
  EXPECT_EQ(parse_log_file("runs/first/events.jsonl").name, "first");
  EXPECT_EQ(parse_log_file("runs/first/").name, "first");
  EXPECT_EQ(parse_log_file("logs/vith14.csv").name, "vith14");
  EXPECT_EQ(parse_log_file("published=logs/a.csv").path, "logs/a.csv");
}

TEST(LogFiles, OfOneNameAreCalledByTheirPaths) {
  const auto logs = parse_log_files({"a/run", "b/run/", "c/other", "name=a/run"});
  const std::vector<std::string> names{"a/run", "b/run/", "other", "name"};
  for (std::size_t i = 0; i < names.size(); ++i) EXPECT_EQ(logs[i].name, names[i]);
}

}  // namespace
}  // namespace ijepa::tools
