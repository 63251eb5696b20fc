#include "ijepa/tasks/plot.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <opencv2/imgcodecs.hpp>

#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/examples.hpp"

namespace ijepa::test {
namespace {

TEST(Plot, DrawsEveryCurveInItsColour) {
  const TemporaryFolder folder;
  const auto path = (folder.path() / "plot.png").string();
  write_plot({"loss", "epoch", {{"a", {1, 2, 3}, {3, 2, NAN}}, {"b", {1, 2, 3}, {1, 1, 1}}}}, path);
  const auto picture = cv::imread(path);
  ASSERT_EQ(picture.cols, 960);
  const auto count = [&](const cv::Scalar& bgr) {
    cv::Mat same;
    cv::inRange(picture, bgr, bgr, same);
    return cv::countNonZero(same);
  };
  EXPECT_GT(count({180, 119, 31}), 300);   // to the middle
  EXPECT_GT(count({14, 127, 255}), 1500);  // from side to side
}

TEST(Plot, OnePointIsEnoughAndNoneTooFew) {
  const TemporaryFolder folder;
  const auto path = (folder.path() / "plot.png").string();
  write_plot({"loss", "epoch", {{"a", {1}, {0}}}}, path);
  EXPECT_TRUE(std::filesystem::exists(path));
  EXPECT_NE(message_of([&] {
              write_plot({"x", "y", {{"a", {1}, {NAN}}}}, path);
            }).find("nothing to plot"),
            std::string::npos);
  EXPECT_NE(message_of([&] {
              write_plot({"x", "y", {{"a", {1, 2}, {1}}}}, path);
            }).find("2 x values and 1"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
