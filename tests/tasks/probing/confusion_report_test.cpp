#include "ijepa/tasks/probing/confusion_report.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <opencv2/imgcodecs.hpp>

#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/probing/examples.hpp"

namespace ijepa {
namespace {

/// Class 0 is always known, class 1 is taken for class 0 once in four, class 2 has no image.
Confusion example_counts() {
  Confusion c{{2, 4, 0}, {2, 3, 0}, {3, 3}};
  c.counts.values = {2, 0, 0, 1, 3, 0, 0, 0, 0};
  return c;
}
const std::vector<std::string> names{"cat", "dog, large", "owl"};

TEST(ConfusionReport, TablesNameClasses) {
  EXPECT_EQ(confusion_csv(example_counts(), names),
            "truth,cat,\"dog, large\",owl\ncat,2,0,0\n\"dog, large\",1,3,0\nowl,0,0,0\n");
  auto other = example_counts();
  other.hits = {1, 0, 0};
  const auto a = example_counts();
  EXPECT_EQ(per_class_csv({{"trained", &a}, {"pixels", &other}}, names),
            "class,images,trained,pixels\ncat,2,100.000,50.000\n\"dog, large\",4,75.000,0.000\n"
            "owl,0,,\n");
}

/// One pixel beyond the lower right corner of the table's frame, the last long line of its grey.
cv::Point end_of_table(const cv::Mat& picture) {
  const cv::Vec3b frame(160, 160, 160);
  cv::Point end;
  for (int y = 0; y < picture.rows; ++y) {
    int length = 0, last = 0;
    for (int x = 0; x < picture.cols; ++x)
      if (picture.at<cv::Vec3b>(y, x) == frame) {
        ++length;
        last = x;
      }
    if (length > 100) end = {last + 1, y + 1};
  }
  return end;
}

TEST(ConfusionReport, PictureIsDarkerWhereMoreAre) {
  const test::TemporaryFolder folder;
  const auto path = (folder.path() / "confusion.png").string();
  write_confusion_picture(example_counts(), names, path);
  const auto picture = cv::imread(path);
  ASSERT_FALSE(picture.empty());
  // Cells of 56 pixels, with numbers in their middle.
  const cv::Point end = end_of_table(picture);
  const auto at = [&](int truth, int guess) {
    return picture.at<cv::Vec3b>(end.y - (3 - truth) * 56 + 5, end.x - (3 - guess) * 56 + 5)[2];
  };
  EXPECT_LT(at(0, 0), at(1, 1));
  EXPECT_LT(at(1, 1), at(1, 0));
  EXPECT_LT(at(1, 0), at(0, 1));
  EXPECT_EQ(at(2, 2), 255);
}

TEST(ConfusionReport, ManyClassesAreDrawnWithoutNames) {
  const test::TemporaryFolder folder;
  const auto path = (folder.path() / "confusion.png").string();
  constexpr std::int64_t classes = 1000;
  Confusion c{std::vector<double>(classes, 1), std::vector<double>(classes, 0), {classes, classes}};
  write_confusion_picture(c, std::vector<std::string>(classes, "a name"), path);
  EXPECT_LT(cv::imread(path).cols, 1100);
  EXPECT_THROW(write_confusion_picture(c, names, path), Error);
}

}  // namespace
}  // namespace ijepa
