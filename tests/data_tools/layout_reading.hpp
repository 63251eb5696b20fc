// Reads made-up listings of inputs as ijepa-shards does: which splits, classes and labels are
// found.
#pragma once
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "data_tools/layout/layout.hpp"
#include "ijepa/core/error.hpp"

namespace ijepa::test {

using namespace tools;

using Paths = std::vector<std::string>;

struct Read {
  Layout layout;
  std::string text;  // layout_text()
};

/// "a/" is a folder, "a.tar/" one that is in truth a tar.
inline Read read(const Paths& paths, const LayoutChoice& choice) {
  FolderTree tree(choice.subdir);
  for (const auto& path : paths) {
    SourceEntry entry{path, 10, false, false, "", ""};
    if (path.ends_with("/")) entry = {path.substr(0, path.size() - 1), 0, true, false, "", ""};
    if (path.ends_with(".tar/")) entry = {path.substr(0, path.size() - 5), 0, true, true, "", ""};
    tree.add(entry);
  }
  tree.finish();
  Read out{find_layout(tree, choice, {"2", "10"}), ""};
  out.text = layout_text(out.layout, tree, choice);
  return out;
}

/// "train[train/]L2 cat,dog," a split with labels and two candidates, and the classes.
inline std::string summary_of(const Paths& paths, const LayoutChoice& choice = {}) {
  const Layout layout = read(paths, choice).layout;
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

inline std::string summary_below(const Paths& paths, const std::string& subdir) {
  LayoutChoice choice;
  choice.subdir = subdir;
  return summary_of(paths, choice);
}

/// With --no-splits.
inline std::string classes_of(const Paths& paths) {
  LayoutChoice choice;
  choice.no_splits = true;
  return summary_of(paths, choice);
}

inline std::string refusal_of(const Paths& paths, const LayoutChoice& choice = {}) {
  try {
    return "not refused: " + summary_of(paths, choice);
  } catch (const Error& error) {
    return error.what();
  }
}

inline Paths below(const std::string& prefix, const Paths& paths) {
  Paths out;
  for (const auto& path : paths) out.push_back(prefix + path);
  return out;
}

inline Paths together(Paths some, const Paths& others) {
  some.insert(some.end(), others.begin(), others.end());
  return some;
}

inline const Paths cats_and_dogs{"cat/1.jpg", "cat/2.jpg", "dog/1.jpg"};

}  // namespace ijepa::test
