#include "data_tools/layout.hpp"

#include <gtest/gtest.h>

#include "ijepa/core/error.hpp"

namespace ijepa::test {
namespace {

using namespace tools;

using Paths = std::vector<std::string>;

/// "train:cat,dog" a split; "-" stands for no classes.
std::string summary_of(const Paths& paths, const std::string& subdir = "") {
  FolderCounts counts;
  for (const auto& path : paths)
    path.ends_with("/") ? counts.add_folder(path.substr(0, path.size() - 1))
                        : counts.add_file(path, 10);
  const Layout layout = find_layout(counts, subdir);
  std::string text;
  std::vector<std::int64_t> found(layout.splits.size());
  for (const auto& path : paths)
    if (const auto place = layout.place(path); place && !path.ends_with("/")) ++found[place->split];
  for (std::size_t s = 0; s < layout.splits.size(); ++s) {
    const Split& split = layout.splits[s];
    EXPECT_EQ(split.candidates, found[s]) << "place() and the counts must agree";
    EXPECT_EQ(split.bytes, 10 * found[s]);
    text += split.name + "[" + split.prefix + (split.labelled ? "]L" : "]") +
            std::to_string(split.candidates) + " ";
  }
  for (const auto& name : layout.class_names) text += name + ",";
  return text;
}

TEST(Layout, IsFoundFromTheFolders) {
  EXPECT_EQ(summary_of({"a/1.jpg", "b/2.jpg"}), "[]L2 a,b,");
  EXPECT_EQ(summary_of({"1.jpg", "2.PNG"}), "[]2 ");
  EXPECT_EQ(summary_of({"1", "2"}), "[]2 ");
  EXPECT_EQ(summary_of({"a/1", "b/2"}), "[]L2 a,b,");
  EXPECT_EQ(summary_of({"a/1.jpg"}), "[]L1 a,");
  EXPECT_EQ(summary_of({"a/1.jpg", "b/"}), "[]L1 a,b,");
  EXPECT_EQ(summary_of({"w/a/1.jpg", "w/b/2.jpg"}), "[w/]L2 a,b,");
  EXPECT_EQ(summary_of({"a/x/y/z/1.jpg", "b/2.jpg"}), "[]L2 a,b,");
  EXPECT_EQ(summary_of({"train/a/1.jpg", "val/a/2.jpg"}), "train[train/]L1 val[val/]L1 a,");
  EXPECT_EQ(summary_of({"train/a/1.jpg"}), "train[train/]L1 a,");
  EXPECT_EQ(summary_of({"w/train/a/1.jpg", "w/test/b/2.jpg", "w/x.txt"}),
            "test[w/test/]L1 train[w/train/]L1 a,b,");
  EXPECT_EQ(summary_of({"train/a/1.jpg", "train/b/1.jpg", "test/7.jpg"}),
            "test[test/]1 train[train/]L2 a,b,");
}

TEST(Layout, AFolderThatIsNoClassHasNoLabels) {
  EXPECT_EQ(summary_of({"t/train/n1/images/1.jpg", "t/train/n2/images/1.jpg", "t/val/images/1.jpg",
                        "t/val/notes.txt"}),
            "train[t/train/]L2 val[t/val/]2 n1,n2,");
}

TEST(Layout, FilesBesideClassesAreOutside) {
  EXPECT_EQ(summary_of({"a/1.jpg", "b/2.jpg", "3.jpg", "docs/x.txt"}), "[]L2 a,b,");
}

TEST(Layout, SubdirIsTheWholeInput) {
  EXPECT_EQ(summary_of({"train/a/1.jpg", "test/b/2.jpg"}, "test"), "[test/]L1 b,");
  EXPECT_THROW(summary_of({"a/1.jpg"}, "b"), Error);
}

TEST(Layout, RefusesSplitsBesideImages) {
  EXPECT_THROW(summary_of({"train/a/1.jpg", "cat/2.jpg"}), Error);
  EXPECT_THROW(summary_of({"train/a/1.jpg", "2.jpg"}), Error);
}

}  // namespace
}  // namespace ijepa::test
