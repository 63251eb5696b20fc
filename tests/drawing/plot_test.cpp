#include "ijepa/drawing/plot.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "ijepa/core/error.hpp"
#include "ijepa/drawing/plot_axis.hpp"
#include "tests/support/temporary_folder.hpp"

namespace ijepa::test {
namespace {

cv::Mat drawn_plot(const Plot& plot) {
  const TemporaryFolder folder;
  const auto path = (folder.path() / "plot.png").string();
  write_plot(plot, path);
  return cv::imread(path);
}

const cv::Vec3b curve_blue{180, 119, 31}, curve_orange{14, 127, 255};  // channels from blue to red

int count(const cv::Mat& picture, const cv::Vec3b& colour) {
  cv::Mat same;
  cv::inRange(picture, colour, colour, same);
  return cv::countNonZero(same);
}

std::string problem_of(const Plot& plot) {
  try {
    drawn_plot(plot);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

TEST(Plot, DrawsEveryCurveInItsColour) {
  const auto picture =
      drawn_plot({"loss", "epoch", {{"a", {1, 2, 3}, {3, 2, NAN}}, {"b", {1, 2, 3}, {1, 1, 1}}}});
  ASSERT_EQ(picture.cols, 960);
  EXPECT_GT(count(picture, curve_blue), 300);     // to the middle
  EXPECT_GT(count(picture, curve_orange), 1500);  // from side to side
}

TEST(Plot, NamesStandAboveTheCurves) {
  Plot plot{"loss", "epoch", {}};
  for (int i = 0; i < 12; ++i) plot.curves.push_back({"a curve with a long name", {1, 2}, {1, 2}});
  const auto picture = drawn_plot(plot);
  // The curves lie upon one another; in the frame, which begins with its first long black line,
  // only the last one is seen.
  int top = 0;
  while (count(picture.row(top), cv::Vec3b(30, 30, 30)) < 800) ++top;
  EXPECT_EQ(count(picture.rowRange(top, 600), curve_blue), 0);
  EXPECT_GT(count(picture.rowRange(0, top), curve_blue), 2 * 25);
  EXPECT_LT(top, 200);
}

TEST(Plot, LogarithmsMakeEqualFactorsEqualSteps) {
  const Plot plot{"loss", "epoch", {{"a", {0, 1, 2, 3}, {100, 10, 1, 0}}}, true};
  const auto picture = drawn_plot(plot);
  cv::Mat same;
  cv::inRange(picture, curve_blue, curve_blue, same);
  std::vector<int> rows;
  for (int y = 60; y < same.rows; ++y)
    if (cv::countNonZero(same.row(y)) > 0) rows.push_back(y);
  ASSERT_FALSE(rows.empty());
  const int middle = (rows.front() + rows.back()) / 2;
  // Half way down the line is half way along it.
  std::vector<cv::Point> points;
  cv::findNonZero(same.row(middle), points);
  ASSERT_FALSE(points.empty());
  std::vector<cv::Point> all;
  cv::findNonZero(same.rowRange(60, same.rows), all);
  const auto [first, last] =
      std::ranges::minmax_element(all, {}, [](const cv::Point& p) { return p.x; });
  EXPECT_NEAR(points[points.size() / 2].x, (first->x + last->x) / 2, 4);
}

TEST(Plot, WhatIsCountedHasNoMarksBetween) {
  EXPECT_EQ(axis_of(1, 3, 6, 1).step, 1);
  EXPECT_EQ(axis_of(1, 1, 6, 1).step, 1);
  EXPECT_EQ(axis_of(1, 3).step, 0.2);
}

TEST(Plot, OnePointIsEnoughAndNoneTooFew) {
  EXPECT_FALSE(drawn_plot({"loss", "epoch", {{"a", {1}, {0}}}}).empty());
  EXPECT_NE(problem_of({"x", "y", {{"a", {1}, {NAN}}}}).find("nothing to plot"), std::string::npos);
  EXPECT_NE(problem_of({"x", "y", {{"a", {1}, {0}}}, true}).find("nothing to plot"),
            std::string::npos);
  EXPECT_NE(problem_of({"x", "y", {{"a", {1, 2}, {1}}}}).find("2 x values and 1"),
            std::string::npos);
}

}  // namespace
}  // namespace ijepa::test
