#include "ijepa/tasks/images/image_choice.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "ijepa/core/file.hpp"
#include "ijepa/data/shards/shard_set.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/tasks/picture_shards.hpp"
#include "tests/tasks/probing/examples.hpp"

namespace ijepa {
namespace {

using test::message_of;

class Choice : public ::testing::Test {
 protected:
  Choice() { test::write_pictures(folder_.path() / "a", {.images = 60, .size = 16}); }

  ShardSet shards(const std::string& name = "a") const {
    return ShardSet::open((folder_.path() / name).string());
  }
  std::string said(const std::string& what) const {
    return message_of([&] { choose_images(shards(), what, 0); });
  }
  std::string list(const std::string& text) const {
    const auto path = (folder_.path() / "list.txt").string();
    write_file_atomically(path, text);
    return path;
  }

  test::TemporaryFolder folder_;
};

std::map<int, int> classes_of(const ShardSet& shards, const ImageChoice& images) {
  std::map<int, int> counts;
  for (const auto image : images) ++counts[shards.label(image)];
  return counts;
}

TEST_F(Choice, TakesTheSameOfEveryClass) {
  const auto set = shards();  // 20 images in each of 3 classes
  const std::map<int, int> five{{0, 5}, {1, 5}, {2, 5}}, one{{0, 1}, {1, 1}, {2, 1}};
  EXPECT_EQ(classes_of(set, choose_images(set, "5/class", 0)), five);
  EXPECT_EQ(classes_of(set, choose_images(set, "25%", 0)), five);
  EXPECT_EQ(classes_of(set, choose_images(set, "1%", 0)), one);  // never none
  EXPECT_EQ(choose_images(set, "", 0).size(), 60U);
  EXPECT_EQ(choose_images(set, "100%", 0), sample_images(set));
  EXPECT_EQ(sample_images(set, 7).back(), 6);
}

TEST_F(Choice, IsAFunctionOfTheSeedAndASmallOneLiesInALargeOne) {
  const auto set = shards();
  const auto five = choose_images(set, "5/class", 1);
  EXPECT_EQ(choose_images(set, "5/class", 1), five);
  EXPECT_NE(choose_images(set, "5/class", 2), five);
  EXPECT_TRUE(std::ranges::includes(five, choose_images(set, "2/class", 1)));
  EXPECT_TRUE(std::ranges::is_sorted(five));
}

TEST_F(Choice, ReadsListsOfKeysAndOfFileNames) {
  const auto set = shards();
  const auto three = choose_images(set, "1/class", 3);
  EXPECT_EQ(choose_images(set, list(as_list(set, three)), 0), three);
  EXPECT_EQ(choose_images(set, list("4.png\r\n\npicture/17.png\n"), 0), (ImageChoice{4, 17}));
}

TEST_F(Choice, SaysWhatCannotBeHad) {
  EXPECT_NE(said("21/class").find("has 20 images, fewer than 21/class"), std::string::npos);
  EXPECT_NE(said("0%").find("not within 0 and 100"), std::string::npos);
  EXPECT_NE(said("1.5/class").find("no whole number"), std::string::npos);
  EXPECT_NE(said("none.txt").find("none.txt"), std::string::npos);
  EXPECT_NE(said(list("99.png\n")).find("names 99.png"), std::string::npos);
  EXPECT_NE(said(list("\n")).find("is empty"), std::string::npos);
  test::write_pictures(folder_.path() / "b", {.images = 6, .size = 16, .unlabelled = 2});
  EXPECT_NE(
      message_of([&] { choose_images(shards("b"), "1%", 0); }).find("picture/2.png has no label"),
      std::string::npos);
}

}  // namespace
}  // namespace ijepa
