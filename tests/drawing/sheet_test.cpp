#include "ijepa/drawing/sheet.hpp"

#include <gtest/gtest.h>

#include "ijepa/core/error.hpp"
#include "ijepa/drawing/lettering.hpp"

namespace ijepa::test {
namespace {

const Rgb red{250, 10, 20}, blue{10, 20, 250}, white{255, 255, 255};

Image plain(int height, int width, const Rgb& colour) {
  return plain_image(height, width, colour[0], colour[1], colour[2]);
}

Rgb at(const Image& picture, int y, int x) {
  const auto i = static_cast<std::size_t>(3 * (y * picture.width + x));
  return {picture.rgb[i], picture.rgb[i + 1], picture.rgb[i + 2]};
}

/// The smallest box around all pixels of a colour.
Box box_of(const Image& picture, const Rgb& colour) {
  int top = picture.height, left = picture.width, bottom = -1, right = -1;
  for (int y = 0; y < picture.height; ++y)
    for (int x = 0; x < picture.width; ++x)
      if (at(picture, y, x) == colour) {
        top = std::min(top, y);
        left = std::min(left, x);
        bottom = std::max(bottom, y);
        right = std::max(right, x);
      }
  return {top, left, bottom - top + 1, right - left + 1};
}

/// Pixels that are not white in `box`.
int ink(const Image& picture, const Box& box) {
  int count = 0;
  for (int y = box.top; y < box.top + box.height; ++y)
    for (int x = box.left; x < box.left + box.width; ++x) count += at(picture, y, x) != white;
  return count;
}

TEST(Sheet, ShowsPicturesAsLargeAsFits) {
  Sheet sheet{.side = 40, .columns = {{}, {"", true}}};
  sheet.rows.push_back({.cells = {{plain(20, 10, red)}, {plain(40, 40, blue)}}});
  const auto picture = drawn(sheet);
  const auto first = box_of(picture, red), second = box_of(picture, blue);
  EXPECT_EQ(first.height, 40);
  EXPECT_EQ(first.width, 20);
  EXPECT_EQ(second.height, 40);
  EXPECT_EQ(second.width, 40);
  EXPECT_EQ(first.top, second.top);
  EXPECT_GT(second.left, 40 + 12);  // apart
  EXPECT_LE(second.left + second.width, picture.width);
}

TEST(Sheet, PutsWordsWhereTheyBelong) {
  Sheet sheet{.side = 60, .columns = {{}, {}}};
  sheet.rows.push_back({.cells = {{plain(60, 60, red)}, {plain(60, 60, red)}}});
  const auto bare = box_of(drawn(sheet), red);
  auto told = sheet;
  told.title = "a title that is longer than two columns are wide and goes on below";
  told.columns[1].heading = "heading";
  told.rows[0].words = "row";
  told.rows[0].cells[0].words = {"below", "a_name_that_is_longer_than_the_picture_is_wide"};
  told.rows[0].cells[1].frame = blue;
  told.keys = {{blue, "meaning"}};
  const auto picture = drawn(told);
  const auto shown = box_of(picture, red);
  EXPECT_GT(shown.top, bare.top + 3 * 15);  // two lines of title and the heading at least
  EXPECT_GT(shown.left, bare.left + text_width("row"));
  EXPECT_GT(ink(picture, {0, 0, 40, picture.width}), 100) << "the title";
  EXPECT_GT(ink(picture, {shown.top, 0, 60, shown.left - 4}), 10) << "words of the row";
  EXPECT_GT(ink(picture, {shown.top + 68, shown.left - 4, 30, 60}), 50) << "words of a cell";
  const auto framed = box_of(picture, blue);  // with the key's colour below
  EXPECT_EQ(framed.top, shown.top - 4);
  EXPECT_EQ(framed.top + framed.height < picture.height, true);
  EXPECT_GT(framed.height, 68 + 30);
}

TEST(Sheet, ARowMayBeShortAndNotLong) {
  Sheet sheet{.side = 20, .columns = {{}, {}}};
  sheet.rows.push_back({.cells = {{plain(20, 20, red)}}});
  EXPECT_EQ(box_of(drawn(sheet), red).width, 20);
  sheet.rows[0].cells.resize(3);
  EXPECT_THROW(drawn(sheet), Error);
}

TEST(Lettering, DrawsWhatItHasLettersFor) {
  EXPECT_EQ(drawable("plain_1.jpg"), "plain_1.jpg");
  EXPECT_EQ(drawable("K\xC3\xA4se, \xC3\xA9t\xC3\xA9"), "Kase, ete");
  EXPECT_EQ(drawable("\xE7\x8C\xAB.jpg"), "?.jpg");  // one character of three bytes
  EXPECT_EQ(drawable("a\xFF"
                     "b"),
            "a?b");  // no UTF-8
}

TEST(Lettering, FitsAndBreaks) {
  EXPECT_EQ(fitting("short", 100), "short");
  const auto cut = fitting("folder/with/a/long/name_0017.jpg", 100);
  EXPECT_TRUE(cut.starts_with("..") && cut.ends_with("17.jpg")) << cut;
  EXPECT_LE(text_width(cut), 100);
  EXPECT_EQ(wrapped("one two", 1000), (std::vector<std::string>{"one two"}));
  EXPECT_EQ(wrapped("one two", 40), (std::vector<std::string>{"one", "two"}));
  EXPECT_EQ(wrapped("", 40).size(), 0U);
}

}  // namespace
}  // namespace ijepa::test
